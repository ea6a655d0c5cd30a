import { WireError } from './errors.js';

/**
 * The id of a stream as text: 16 lower-case hexadecimal digits. Only its two ends know it; whoever has it can send in
 * the stream's name, so it belongs in no log.
 */
export type StreamId = string;

/**
 * One mixnet message of a stream, as the Rust SDK's `stream` module has it. `open` and `data` are what it knows;
 * `frames` is our own message type, which a Rust peer drops without a word.
 *
 * ```
 * 0   frame kind (u16 LE): 3
 * 2   stream id (u64 BE)
 * 10  message type: 0 open, 1 data, 240 frames
 * 11  sequence number (u32 BE)
 * 15  reserved: 0 from a Rust peer
 * 16  payload
 * ```
 *
 * (tcp-proxy.md section 5; session-protocol section 1 for `frames`)
 */
export interface StreamFrame {
  readonly streamId: StreamId;
  readonly type: StreamFrameType;
  /** 0 to 2^32 - 1, wraps. `open` has 0; `data` counts from 0 on its own, in each direction. */
  readonly sequence: number;
  /** One byte; in our own `open` the session protocol's version. */
  readonly reserved: number;
  readonly payload: Uint8Array;
}

/**
 * Ours is far from those of the Rust SDK, which counts up: from nym-lp-data 1.22 on, 2 to 4 are OpenAck, Ping and Pong. A
 * peer that understands these takes our silence for that of one that does not, and lets it be.
 */
const TYPES = { open: 0, data: 1, frames: 240 } as const;

export type StreamFrameType = keyof typeof TYPES;

const TYPE_NAMES: readonly StreamFrameType[] = ['open', 'data', 'frames'];

/** Values of the sequence number. */
export const STREAM_SEQUENCE_NUMBERS = 2 ** 32;

/** Bytes of a message besides its payload. */
export const STREAM_HEADER_BYTES = 16;

/** Of the frame kinds that share this header, the one of streams. */
const STREAM_KIND = 3;

const ID = /^[0-9a-f]{16}$/;

/** Draws the id of a new stream. */
export function newStreamId(): StreamId {
  const [value = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return textOf(value);
}

/** Whether `text` has the form of a stream's id. */
export function isStreamId(text: string): text is StreamId {
  return ID.test(text);
}

/** @throws {WireError} unless the id has its form. */
export function encodeStreamFrame({ streamId, type, sequence, reserved, payload }: StreamFrame): Uint8Array {
  if (!isStreamId(streamId)) throw new WireError('a stream id has 16 lower-case hexadecimal digits');
  const bytes = new Uint8Array(STREAM_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, STREAM_KIND, true);
  view.setBigUint64(2, BigInt(`0x${streamId}`));
  view.setUint8(10, TYPES[type]);
  view.setUint32(11, sequence);
  view.setUint8(15, reserved);
  bytes.set(payload, STREAM_HEADER_BYTES);
  return bytes;
}

/**
 * Decodes a message; its payload is a view of `bytes`.
 *
 * @throws {WireError} if it is too short, of another kind, as the messages of other services are, or of an unknown type.
 */
export function decodeStreamFrame(bytes: Uint8Array): StreamFrame {
  if (bytes.length < STREAM_HEADER_BYTES)
    throw new WireError(`a stream's message of ${bytes.length} bytes is too short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = view.getUint16(0, true);
  if (kind !== STREAM_KIND) throw new WireError(`frame kind ${kind} is no stream's`);
  const type = TYPE_NAMES.find((name) => TYPES[name] === view.getUint8(10));
  if (type === undefined) throw new WireError(`message type ${view.getUint8(10)} of a stream is unknown`);
  return {
    streamId: textOf(view.getBigUint64(2)),
    type,
    sequence: view.getUint32(11),
    reserved: view.getUint8(15),
    payload: bytes.subarray(STREAM_HEADER_BYTES),
  };
}

function textOf(id: bigint): StreamId {
  return id.toString(16).padStart(16, '0');
}
