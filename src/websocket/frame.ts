/**
 * Frames of RFC 6455 section 5, as a client sends and receives them.
 *
 * @module
 */
import type { ByteReader } from './byte-reader.js';
import { protocolError } from './errors.js';

/** RFC 6455 section 5.2. */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

const OPCODES: ReadonlySet<number> = new Set(Object.values(OPCODE));

/** Longest payload of a control frame (RFC 6455 section 5.5). */
export const MAX_CONTROL_BYTES = 125;

const FIN = 0x80;
const RESERVED = 0x70;
const OPCODE_BITS = 0x0f;
const MASKED = 0x80;
const LENGTH_BITS = 0x7f;
/** Values of the 7-bit length that announce one of 2 or of 8 bytes. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;

/** What is before a frame's payload. */
export interface FrameHeader {
  readonly opcode: Opcode;
  /** Whether this is the last frame of its message. */
  readonly fin: boolean;
  /** Bytes of the payload that follows. May be beyond 2^53, and inexact then. */
  readonly length: number;
}

/** Whether such frames may come between those of a message. */
export function isControl(opcode: Opcode): boolean {
  return opcode >= OPCODE.close;
}

/** A whole frame, masked under a fresh key. */
export function encodeFrame(opcode: Opcode, payload: Uint8Array, fin = true): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const extended = length < LENGTH_16 ? 0 : length < 2 ** 16 ? 2 : 8;
  const frame = new Uint8Array(2 + extended + MASK_BYTES + length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, (fin ? FIN : 0) | opcode);
  view.setUint8(1, MASKED | (extended === 0 ? length : extended === 2 ? LENGTH_16 : LENGTH_64));
  if (extended === 2) view.setUint16(2, length);
  if (extended === 8) view.setBigUint64(2, BigInt(length));
  const key = crypto.getRandomValues(new Uint8Array(MASK_BYTES));
  frame.set(key, 2 + extended);
  const masked = frame.subarray(2 + extended + MASK_BYTES);
  masked.set(payload);
  for (let index = 0; index < length; index += 1) {
    masked[index] = (masked[index] ?? 0) ^ (key[index % MASK_BYTES] ?? 0);
  }
  return frame;
}

/**
 * Reads what is before a payload; `undefined` if the stream ends before that is complete.
 *
 * @throws {WebSocketError} if no server may send such a frame.
 */
export async function readFrameHeader(bytes: ByteReader): Promise<FrameHeader | undefined> {
  const start = await bytes.exactly(2);
  if (start === undefined) return undefined;
  const [first = 0, second = 0] = start;
  const opcode = first & OPCODE_BITS;
  const fin = (first & FIN) !== 0;
  const length = second & LENGTH_BITS;
  if ((first & RESERVED) !== 0) {
    throw protocolError('the server sent a frame of an extension that was not agreed on');
  }
  if (!isOpcode(opcode)) throw protocolError(`the server sent a frame of unknown opcode ${opcode}`);
  if ((second & MASKED) !== 0) throw protocolError('the server sent a masked frame');
  if (isControl(opcode) && !fin) throw protocolError('the server sent a control frame in fragments');
  if (isControl(opcode) && length > MAX_CONTROL_BYTES) {
    throw protocolError('the server sent a control frame that is too long');
  }
  if (length < LENGTH_16) return { opcode, fin, length };
  const extended = await readLength(bytes, length === LENGTH_16 ? 2 : 8);
  return extended === undefined ? undefined : { opcode, fin, length: extended };
}

/** The length in as few bytes as possible, as it must be (RFC 6455 section 5.2). */
async function readLength(bytes: ByteReader, size: 2 | 8): Promise<number | undefined> {
  const field = await bytes.exactly(size);
  if (field === undefined) return undefined;
  const view = new DataView(field.buffer);
  const length = size === 2 ? view.getUint16(0) : Number(view.getBigUint64(0));
  if (length < (size === 2 ? LENGTH_16 : 2 ** 16)) {
    throw protocolError('the server sent a frame whose length is written in more bytes than it takes');
  }
  if (size === 8 && view.getUint8(0) >= 0x80)
    throw protocolError('the server sent a frame of an impossible length');
  return length;
}

function isOpcode(value: number): value is Opcode {
  return OPCODES.has(value);
}
