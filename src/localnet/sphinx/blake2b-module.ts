/**
 * The BLAKE2b compression function as a WebAssembly module, written out by a program.
 *
 * Lioness needs BLAKE2b with a key and 32 bytes of output, which node:crypto does not offer; in JavaScript the 64-bit
 * arithmetic takes 50 microseconds for a packet, in WebAssembly less than 3.
 *
 * @module
 */

/** Initial state: RFC 7693 section 2.6 (that of SHA-512). */
export const BLAKE2B_IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
] as const;

/** Order of the message words in each round: RFC 7693 section 2.7. Rounds 10 and 11 are as 0 and 1. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
] as const;

/** Columns, then diagonals, that G mixes: RFC 7693 section 3.2. */
const MIXED = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** Rotations of G: RFC 7693 section 2.1. */
const [R1, R2, R3, R4] = [32n, 24n, 16n, 63n];

type Code = readonly number[];

// Instructions (WebAssembly 1.0, section 5.4). Addresses of the state are constants, those of the message relative.
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const i32 = (value: number): Code => [0x41, ...signedLeb(BigInt(value))];
const i64 = (value: bigint): Code => [0x42, ...signedLeb(BigInt.asIntN(64, value))];
const load = (offset: number): Code => [0x29, 3, ...unsignedLeb(offset)];
const store = (offset: number): Code => [0x37, 3, ...unsignedLeb(offset)];
const I32_EQ = 0x46;
const I32_ADD = 0x6a;
const I32_SUB = 0x6b;
const I64_ADD = 0x7c;
const I64_XOR = 0x85;
const I64_ROTR = 0x8a;
const I64_EXTEND_S = 0xac;
const SELECT = 0x1b;
const END = 0x0b;

// Locals: the three parameters, then our own.
const POINTER = 0;
const BLOCKS = 1;
const LAST_BYTES = 2;
const IS_LAST = 3;
const COUNTER = 4;
const v = (word: number): number => 5 + word;

/** G of RFC 7693 section 3.1 over four words of v and two of the message. */
function mix(a: number, b: number, c: number, d: number, x: number, y: number): Code {
  const half = (word: number, rotateD: bigint, rotateB: bigint): Code => [
    ...[...get(a), ...get(b), I64_ADD, ...get(POINTER), ...load(8 * word), I64_ADD, ...tee(a)],
    ...[...get(d), I64_XOR, ...i64(rotateD), I64_ROTR, ...tee(d)],
    ...[...get(c), I64_ADD, ...tee(c)],
    ...[...get(b), I64_XOR, ...i64(rotateB), I64_ROTR, ...set(b)],
  ];
  return [...half(x, R1, R2), ...half(y, R3, R4)];
}

/** `compress(pointer, blocks, lastBytes)`: F of RFC 7693 section 3.2 over all blocks, counting from 0. */
function compress(): Code {
  const words = [0, 1, 2, 3, 4, 5, 6, 7] as const;
  const finalMask: Code = [...i32(0), ...get(IS_LAST), I32_SUB, I64_EXTEND_S];
  const body: Code = [
    ...[...get(BLOCKS), ...i32(1), I32_EQ, ...set(IS_LAST)],
    ...[...get(LAST_BYTES), ...i32(128), ...get(IS_LAST), SELECT, I64_EXTEND_S],
    ...[...get(COUNTER), I64_ADD, ...set(COUNTER)],
    ...words.flatMap((i) => [...i32(0), ...load(8 * i), ...set(v(i))]),
    ...words.flatMap((i) => [...i64(BLAKE2B_IV[i]), ...set(v(8 + i))]),
    ...[...get(v(12)), ...get(COUNTER), I64_XOR, ...set(v(12))],
    ...[...get(v(14)), ...finalMask, I64_XOR, ...set(v(14))],
    ...SIGMA.flatMap((sigma) =>
      MIXED.flatMap(([a, b, c, d], i) =>
        mix(v(a), v(b), v(c), v(d), sigma[2 * i] ?? 0, sigma[2 * i + 1] ?? 0),
      ),
    ),
    ...words.flatMap((i) => [
      ...[...i32(0), ...i32(0), ...load(8 * i), ...get(v(i)), I64_XOR, ...get(v(8 + i)), I64_XOR],
      ...store(8 * i),
    ]),
    ...[...get(POINTER), ...i32(128), I32_ADD, ...set(POINTER)],
    ...[...get(BLOCKS), ...i32(1), I32_SUB, ...tee(BLOCKS)],
  ];
  const BR_IF_TO_START: Code = [0x0d, 0];
  const LOOP: Code = [0x03, 0x40];
  const ownLocals: Code = [2, 1, 0x7f, 17, 0x7e]; // one i32, then seventeen i64
  return [...ownLocals, ...LOOP, ...body, ...BR_IF_TO_START, END, END];
}

/**
 * The module's bytes. It exports `memory` (one page of 64 KiB) and `compress(pointer, blocks, lastBytes)`, which works
 * on the state of eight little-endian words at address 0 and on `blocks` blocks of 128 bytes at `pointer`, of which
 * the last has `lastBytes` bytes and zeros behind them. Sections: WebAssembly 1.0, section 5.5.
 */
export function blake2bModule(): Uint8Array<ArrayBuffer> {
  const code = compress();
  return Uint8Array.from([
    ...[0x00, ...ascii('asm'), 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]), // one function type: three i32, no result
    ...section(3, [1, 0]), // one function, of that type
    ...section(5, [1, 0, 1]), // one memory of at least one page
    ...section(7, [2, ...name('memory'), 2, 0, ...name('compress'), 0, 0]),
    ...section(10, [1, ...unsignedLeb(code.length), ...code]),
  ]);
}

function section(id: number, content: Code): Code {
  return [id, ...unsignedLeb(content.length), ...content];
}

function name(text: string): Code {
  return [text.length, ...ascii(text)];
}

function ascii(text: string): Code {
  return [...Buffer.from(text, 'ascii')];
}

/** LEB128, seven bits in each byte, the lowest first (WebAssembly 1.0, section 5.2.2). */
function unsignedLeb(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsignedLeb(value >>> 7)];
}

function signedLeb(value: bigint): Code {
  return BigInt.asIntN(7, value) === value
    ? [Number(BigInt.asUintN(7, value))]
    : [Number(BigInt.asUintN(7, value)) | 0x80, ...signedLeb(value >> 7n)];
}
