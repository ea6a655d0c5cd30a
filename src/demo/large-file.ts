/**
 * A large file that needs no disk: it looks random and is the same every time.
 *
 * @module
 */
import { createCipheriv, createHash } from 'node:crypto';

export const MIB = 1024 * 1024;

const BLOCK_BYTES = 16;
const CHUNK_BYTES = 64 * 1024;

/** Bytes from `start` up to, and without, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An AES keystream under a fixed key. A smaller file begins a larger one. */
export function* largeContent({ start, end }: ByteRange): Generator<Buffer> {
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.writeUInt32BE(Math.floor(start / BLOCK_BYTES), BLOCK_BYTES - 4);
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), counter);
  cipher.update(Buffer.alloc(start % BLOCK_BYTES));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let at = start; at < end; at += CHUNK_BYTES) yield cipher.update(zeros.subarray(0, end - at));
}

const knownHashes = new Map<number, string>();

/** The whole file's sha256, in hex. */
export function largeHash(mib: number): string {
  let hex = knownHashes.get(mib);
  if (hex === undefined) {
    const hash = createHash('sha256');
    for (const chunk of largeContent({ start: 0, end: mib * MIB })) hash.update(chunk);
    hex = hash.digest('hex');
    knownHashes.set(mib, hex);
  }
  return hex;
}

/**
 * What a `Range` header asks for (RFC 9110 section 14): one range of bytes; `undefined` for everything that a server
 * may ignore, and then sends all; `unsatisfiable` if nothing of it is there.
 */
export function requestedRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '')
    return Number(last) === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start < size ? { start, end } : 'unsatisfiable';
}
