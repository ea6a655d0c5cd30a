import { WireError } from './errors.js';
import { MAX_LANES } from './lane.js';
import { formatNymAddress, parseNymAddress } from './nym-address.js';
import { Reader, varintBytes, writeVarint } from './varint.js';

/**
 * What the sessions of a connection over several lanes carry instead of its bytes, back to back:
 *
 * ```
 * 0 DATA     offset (varint) ‖ length (varint) ‖ the connection's bytes
 * 1 END      offset (varint)                                  no byte follows the offset; on one lane only
 * 2 WELCOME  count (1 byte) ‖ Nym addresses, 96 bytes each    the acceptor's first record on each lane
 * 3 ACK      offset (varint) ‖ limit (varint)                 all bytes below the offset have come, and those below the
 *                                                             limit may; one more than the last byte acknowledges END
 * ```
 *
 * Integers are the varints of RFC 9000. An opener puts records on lane 0 at once, on others after their WELCOME. That of
 * lane 0 tells of the acceptor's further mixnet clients, to which other lanes may lead.
 *
 * If both ends speak version 2 of the session protocol, a lane may be lost: what it held goes again over the others, so
 * bytes and END may come several times, and in any order. Neither end sends bytes at or beyond the other's limit, which
 * is {@link FIRST_LIMIT} before the first ACK. A lane that is opened anew, with the same number, takes the place of the
 * one before. A lane is closed when both directions are acknowledged, and so acknowledges everything.
 *
 * With a peer that speaks version 1 only, each byte travels once, on each lane offsets rise, there is no ACK and no limit,
 * and a lane that is lost ends the connection.
 */
export type LaneRecord =
  | { readonly type: 'data'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly offset: number }
  | { readonly type: 'ack'; readonly offset: number; readonly limit: number }
  | { readonly type: 'welcome'; readonly addresses: readonly string[] };

/** Bytes of a connection that either end may send before it has heard an ACK. */
export const FIRST_LIMIT = 256 * 1024;

/** Bytes of the connection in one DATA record at most. */
export const MAX_RECORD_BYTES = 16 * 1024;

const TYPES = ['data', 'end', 'welcome', 'ack'] as const;
const KEY_BYTES = 32;
const ADDRESS_BYTES = 3 * KEY_BYTES;

/** Encodes one record. */
export function encodeLaneRecord(record: LaneRecord): Uint8Array {
  const { integers, tail } = partsOf(record);
  const head = integers.reduce((sum, integer) => sum + varintBytes(integer), 1);
  const bytes = new Uint8Array(head + tail.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, TYPES.indexOf(record.type));
  let offset = 1;
  for (const integer of integers) offset = writeVarint(view, offset, integer);
  bytes.set(tail, offset);
  return bytes;
}

/** Takes the records out of the chunks of one lane's stream. */
export class LaneRecordReader {
  #rest = new Uint8Array();

  /** Bytes of a record that has not come whole. */
  get pending(): number {
    return this.#rest.length;
  }

  /**
   * The records that are whole with these bytes; the bytes of DATA are views of them, or of a copy.
   *
   * @throws {WireError} if one is malformed; the lane cannot be read on.
   */
  *push(chunk: Uint8Array): Generator<LaneRecord> {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    let offset = 0;
    for (;;) {
      const left = bytes.subarray(offset);
      const length = recordBytes(left);
      if (length === undefined || length > left.length) break;
      offset += length;
      yield decodeRecord(new Reader(left.subarray(0, length)));
    }
    this.#rest = bytes.slice(offset);
  }
}

/** Bytes of the record at the front; `undefined` if too few are there to tell. */
function recordBytes(bytes: Uint8Array): number | undefined {
  const [number, next] = bytes;
  if (number === undefined) return undefined;
  const type = TYPES[number];
  if (type === undefined) throw new WireError(`there is no lane record of type ${number}`);
  if (next === undefined) return undefined;
  if (type === 'welcome') return 2 + next * ADDRESS_BYTES;
  const offset = 1 + varintLength(next);
  if (type === 'end') return offset;
  const first = bytes[offset];
  if (first === undefined) return undefined;
  const head = offset + varintLength(first);
  if (type === 'ack') return head;
  if (bytes.length < head) return undefined;
  const length = new Reader(bytes.subarray(offset, head)).varint();
  if (length === 0 || length > MAX_RECORD_BYTES)
    throw new WireError(`a DATA record has 1 to ${MAX_RECORD_BYTES} bytes, not ${length}`);
  return head + length;
}

/** Decodes a record that is whole. */
function decodeRecord(reader: Reader): LaneRecord {
  const type = TYPES[reader.byte()];
  if (type === 'end') return { type, offset: withinRange(reader.varint(), 0) };
  if (type === 'ack') return { type, offset: withinRange(reader.varint(), 0), limit: reader.varint() };
  if (type !== 'data') return { type: 'welcome', addresses: decodeAddresses(reader) };
  const offset = reader.varint();
  const bytes = reader.bytes(reader.varint());
  return { type, offset: withinRange(offset, bytes.length), bytes };
}

function decodeAddresses(reader: Reader): string[] {
  const count = reader.byte();
  if (count >= MAX_LANES) throw new WireError(`a WELCOME record tells of ${count} addresses`);
  return Array.from({ length: count }, () => {
    const [identity, encryption, gateway] = [key(reader), key(reader), key(reader)];
    return formatNymAddress({ identity, encryption, gateway });
  });
}

const key = (reader: Reader) => reader.bytes(KEY_BYTES);

function partsOf(record: LaneRecord): { integers: readonly number[]; tail: Uint8Array } {
  switch (record.type) {
    case 'data':
      return { integers: [record.offset, record.bytes.length], tail: record.bytes };
    case 'end':
      return { integers: [record.offset], tail: new Uint8Array() };
    case 'ack':
      return { integers: [record.offset, record.limit], tail: new Uint8Array() };
    case 'welcome':
      return { integers: [record.addresses.length], tail: encodeAddresses(record.addresses) };
  }
}

function encodeAddresses(addresses: readonly string[]): Uint8Array {
  const keys = addresses
    .map(parseNymAddress)
    .map((address) => [...address.identity, ...address.encryption, ...address.gateway]);
  return Uint8Array.from(keys.flat());
}

/** See `withinRange` in `frame.ts`. */
function withinRange(offset: number, length: number): number {
  if (!Number.isSafeInteger(offset + length + 1)) throw new WireError('a lane record ends beyond 2^53');
  return offset;
}

/** Bytes of the varint that begins with this byte. */
function varintLength(first: number): number {
  return 1 << (first >> 6);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
