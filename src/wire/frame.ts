import { WireError } from './errors.js';
import { decodeLane, encodeLane } from './lane.js';
import { decodeOpenRequest, encodeOpenRequest, type OpenRequest } from './open-request.js';
import { RESET_CODES, resetCodeFromNumber, type ResetCode } from './reset-code.js';
import { Reader, varintBytes, writeVarint } from './varint.js';

/**
 * The frames that our own peers exchange inside `frames` messages. A message holds one or more, back to back:
 *
 * ```
 * type (1 byte) ‖ length of the body (varint) ‖ body
 *
 * 0 OPEN    version (varint) ‖ receive window (varint)               opener's first frame, if it starts with frames
 *           ‖ request (may be missing) ‖ reserved
 * 1 OPENED  version (varint) ‖ receive window (varint) ‖ reserved    acceptor's first frame
 * 2 DATA    offset (varint) ‖ the connection's bytes
 * 3 ACK     offset (varint) ‖ receive window (varint) ‖ reserved     all below the offset arrived in order
 * 4 FIN     offset (varint) ‖ reserved                               no byte follows the offset; counts as one byte
 * 5 RESET   code (varint) ‖ final offset (varint; may be missing)     both directions end, this one at the offset
 *           ‖ reserved
 * 6 ROUTE   counter (varint) ‖ reserved                              the sender's mixnet client was replaced so often
 * 7 PING    value (varint) ‖ reserved                                asks for an acknowledgement and a PONG
 * 8 PONG    value (varint) ‖ reserved                                answers the PING of that value
 * 9 INSTANCE value (varint) ‖ reserved                               which accepting of the session answers
 * 10 SUPPLY total (varint) ‖ here (varint) ‖ reserved                SURBs given so far, and with this message
 * 11 DEMAND used (varint) ‖ wanted (varint) ‖ reserved               SURBs used so far, and wanted beyond these
 * 12 LANE   as OPEN, with a request                                  opens a session that is a lane  
 * 13 RANGES start (varint) ‖ length (varint)                         bytes that arrived beyond the offset of ACK
 *           ‖ ( gap (varint) ‖ length (varint) )*
 * ```
 *
 * Once an end's client was replaced, all its messages carry ROUTE. The highest counter seen is the current route: an
 * acceptor replies to where it came from, and whatever was sent before it came up may be lost. Without ROUTE the
 * counter is 0. Messages with OPEN or PING carry SURBs enough for an answer.
 *
 * An acceptor draws the value of INSTANCE when it accepts a session, and puts it first into all its messages. So an
 * opener notices a server that was restarted, took a late message for the opening of a new session, and would go on
 * with the bytes of another upstream connection.
 *
 * SUPPLY and DEMAND keep an acceptor in SURBs. Both count those that one mixnet client of the opener has given to the
 * acceptor, over all its sessions. An opener's messages carry SUPPLY, which counts at least what was given before the
 * message; an acceptor asks with DEMAND while `used` and `wanted` together are more than that.
 *
 * Integers are the varints of RFC 9000. A receive window is counted from the frame's offset (0 for OPEN and OPENED):
 * bytes at offset + window and beyond may not be sent yet. Unknown types and reserved bytes are ignored, so that
 * later versions can add to them.
 *
 * RESET counts as one byte behind its final offset, as FIN does. Since version 2 the peer takes in every byte below that
 * offset, acknowledges them and the RESET, hands the bytes to its reader, and only then fails. Without a final offset,
 * as in version 1, the session ends at once; bytes that arrived in order may still be read.
 *
 * RANGES (since version 2) goes with ACK when bytes beyond the acknowledged offset have arrived: ascending, disjoint,
 * at most {@link MAX_RANGES} of them. The sender then retransmits only what lies between them.
 *
 * Whoever speaks a version speaks all below it. The session id and OPEN state the highest that the opener speaks,
 * OPENED the one that the session goes on in: the lower one of the opener's highest and the acceptor's. Until OPENED has
 * come, an opener says nothing that version 1 does not know, save in what version 1 ignores. So an acceptor that knows
 * version 1 only serves an opener of version 2, and the other way round. An OPEN or OPENED of version 0, and an OPENED
 * of a higher version than the opener's, break the protocol.
 *
 * The request in OPEN says what the opener wants besides a session (`open-request.ts`):
 *
 * ```
 * length of the name (1 byte) ‖ name of the upstream (ASCII, 63 at most; empty: the default one)
 * ‖ length of the proof (1 byte, 0: none) ‖ Unix time in seconds (varint) ‖ HMAC-SHA-256 (32 bytes)
 * ‖ in LANE only: connection (16 bytes) ‖ number of the lane (1 byte)
 * ```
 *
 * LANE opens one of the sessions that carry a connection together; their bytes are the records of `lane-record.ts`.
 * It has a number of its own so that an acceptor that does not know lanes refuses the session, instead of taking the
 * records for the connection's bytes.
 */
export type Frame =
  | {
      readonly type: 'open';
      readonly version: number;
      readonly window: number;
      readonly request?: OpenRequest;
    }
  | { readonly type: 'opened'; readonly version: number; readonly window: number }
  | { readonly type: 'data'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'ack'; readonly offset: number; readonly window: number }
  | { readonly type: 'fin'; readonly offset: number }
  | { readonly type: 'reset'; readonly code: ResetCode; readonly finalOffset?: number }
  | { readonly type: 'route'; readonly counter: number }
  | { readonly type: 'ping' | 'pong' | 'instance'; readonly value: number }
  | { readonly type: 'supply'; readonly total: number; readonly here: number }
  | { readonly type: 'demand'; readonly used: number; readonly wanted: number }
  | { readonly type: 'ranges'; readonly ranges: readonly ByteRange[] };

/** Bytes of a stream, from one offset up to another. */
export interface ByteRange {
  readonly from: number;
  /** Offset behind the last byte; above {@link from}. */
  readonly to: number;
}

/** The most ranges in one RANGES frame. */
export const MAX_RANGES = 16;

const NUMBERS = {
  open: 0,
  opened: 1,
  data: 2,
  ack: 3,
  fin: 4,
  reset: 5,
  route: 6,
  ping: 7,
  pong: 8,
  instance: 9,
  supply: 10,
  demand: 11,
  ranges: 13,
} as const satisfies Record<Frame['type'], number>;

/** The number of an `open` whose request is for a lane. */
const LANE = 12;

const TYPES = new Map<number, Frame['type']>(
  Object.entries(NUMBERS).map(([type, number]) => [number, type as Frame['type']]),
);

const NOTHING = new Uint8Array();

/** Bytes that a DATA frame with `length` bytes at `offset` takes besides these bytes. */
export function dataFrameOverhead(offset: number, length: number): number {
  const body = varintBytes(offset) + length;
  return 1 + varintBytes(body) + varintBytes(offset);
}

/** Encodes frames back to back. */
export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + encodedBytes(frame), 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const frame of frames) {
    const integers = integersOf(frame);
    view.setUint8(offset, numberOf(frame));
    offset = writeVarint(view, offset + 1, bodyBytes(frame));
    for (const integer of integers) offset = writeVarint(view, offset, integer);
    const tail = tailOf(frame);
    bytes.set(tail, offset);
    offset += tail.length;
  }
  return bytes;
}

/** Bytes of one encoded frame. */
export function encodedBytes(frame: Frame): number {
  const body = bodyBytes(frame);
  return 1 + varintBytes(body) + body;
}

/**
 * Decodes the frames of a message; unknown ones are left out. The bytes of DATA are views of `bytes`.
 *
 * @throws {WireError} if a frame is cut short or malformed.
 */
export function decodeFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  const reader = new Reader(bytes);
  while (reader.remaining > 0) {
    const number = reader.byte();
    const type = TYPES.get(number);
    const body = new Reader(reader.bytes(reader.varint()));
    if (type !== undefined) frames.push(decodeBody(type, body));
    else if (number === LANE) frames.push(decodeLaneOpen(body));
  }
  return frames;
}

function decodeBody(type: Frame['type'], body: Reader): Frame {
  switch (type) {
    case 'open':
      return decodeOpen(body);
    case 'opened':
      return { type, version: body.varint(), window: body.varint() };
    case 'ack':
      return withinRange({ type, offset: body.varint(), window: body.varint() });
    case 'fin':
      return withinRange({ type, offset: body.varint() });
    case 'reset':
      return decodeReset(body);
    case 'ranges':
      return { type, ranges: decodeRanges(body) };
    case 'route':
      return { type, counter: body.varint() };
    case 'ping':
    case 'pong':
    case 'instance':
      return { type, value: body.varint() };
    case 'supply':
      return { type, total: body.varint(), here: body.varint() };
    case 'demand':
      return { type, used: body.varint(), wanted: body.varint() };
    case 'data':
      return withinRange({ type, offset: body.varint(), bytes: body.bytes(body.remaining) });
  }
}

function decodeOpen(body: Reader): Frame {
  const [version, window] = [body.varint(), body.varint()];
  const request = decodeOpenRequest(body);
  return { type: 'open', version, window, ...(request && { request }) };
}

function decodeLaneOpen(body: Reader): Frame {
  const [version, window] = [body.varint(), body.varint()];
  const request = decodeOpenRequest(body);
  return { type: 'open', version, window, request: { ...request, lane: decodeLane(body) } };
}

function decodeReset(body: Reader): Frame {
  const code = resetCodeFromNumber(body.varint());
  if (body.remaining === 0) return { type: 'reset', code };
  const finalOffset = body.varint();
  if (!Number.isSafeInteger(finalOffset + 1)) throw new WireError('a reset frame ends beyond 2^53');
  return { type: 'reset', code, finalOffset };
}

function decodeRanges(body: Reader): ByteRange[] {
  const ranges: ByteRange[] = [];
  let end = 0;
  while (body.remaining > 0) {
    const from = end + body.varint();
    const to = from + body.varint();
    if (to <= from || !Number.isSafeInteger(to) || (ranges.length > 0 && from === end))
      throw new WireError('the ranges of a ranges frame are empty, touch or end beyond 2^53');
    if (ranges.length === MAX_RANGES)
      throw new WireError(`a ranges frame has more than ${MAX_RANGES} ranges`);
    ranges.push({ from, to });
    end = to;
  }
  return ranges;
}

/** Rejects frames that end beyond 2^53: offsets must stay exact integers. */
function withinRange<F extends Frame & { offset: number }>(frame: F): F {
  const length = 'bytes' in frame ? frame.bytes.length : 'window' in frame ? frame.window : 1;
  if (!Number.isSafeInteger(frame.offset + length + 1))
    throw new WireError(`a ${frame.type} frame ends beyond 2^53`);
  return frame;
}

function numberOf(frame: Frame): number {
  return frame.type === 'open' && frame.request?.lane ? LANE : NUMBERS[frame.type];
}

function integersOf(frame: Frame): readonly number[] {
  switch (frame.type) {
    case 'open':
    case 'opened':
      return [frame.version, frame.window];
    case 'ack':
      return [frame.offset, frame.window];
    case 'data':
    case 'fin':
      return [frame.offset];
    case 'reset':
      return [RESET_CODES[frame.code], ...(frame.finalOffset === undefined ? [] : [frame.finalOffset])];
    case 'ranges':
      return frame.ranges.flatMap(({ from, to }, index) => [
        from - (frame.ranges[index - 1]?.to ?? 0),
        to - from,
      ]);
    case 'route':
      return [frame.counter];
    case 'ping':
    case 'pong':
    case 'instance':
      return [frame.value];
    case 'supply':
      return [frame.total, frame.here];
    case 'demand':
      return [frame.used, frame.wanted];
  }
}

function bodyBytes(frame: Frame): number {
  const integers = integersOf(frame).reduce((sum, integer) => sum + varintBytes(integer), 0);
  return integers + tailOf(frame).length;
}

/** What follows the integers. */
function tailOf(frame: Frame): Uint8Array {
  if (frame.type === 'data') return frame.bytes;
  if (frame.type !== 'open' || frame.request === undefined) return NOTHING;
  const request = encodeOpenRequest(frame.request);
  const { lane } = frame.request;
  return lane ? Uint8Array.of(...request, ...encodeLane(lane)) : request;
}
