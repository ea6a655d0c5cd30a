/**
 * Decodes gzip (RFC 1952), and what HTTP calls deflate: zlib (RFC 1950) or, from some servers, bare deflate (RFC 1951).
 *
 * The platform's `DecompressionStream` does not do. What is not data behind the data, and gzip of several members, Node
 * takes and browsers refuse, and neither says where the data ends.
 *
 * @module
 */
import type { Bytes } from './byte-stream.js';

/** A content coding. */
export type InflateFormat = 'gzip' | 'deflate';

type State = 'header' | 'block' | 'stored' | 'codes' | 'trailer' | 'member' | 'end';

const WINDOW_BYTES = 32 * 1024;
const MAX_MATCH = 258;
const MAX_CODE_BITS = 15;

/** A gzip header holds a file's name and comment, which may be of any length. */
const MAX_HEADER_BYTES = 128 * 1024;

const END_OF_BLOCK = 256;
/** The shortest length for each symbol from 257 on, and how many further bits tell how much longer (RFC 1951 3.2.5). */
const LENGTHS = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const LENGTH_BITS = LENGTHS.map((_, i) => (i < 4 || i === 28 ? 0 : (i >> 2) - 1));
/** The same for distances. */
const DISTANCE_BITS = Array.from({ length: 30 }, (_, i) => (i < 2 ? 0 : (i >> 1) - 1));
const DISTANCES = DISTANCE_BITS.map((bits, i) => (i < 2 ? i + 1 : ((2 + (i & 1)) << bits) + 1));
/** The order of the lengths of the codes that code lengths are coded in (RFC 1951 3.2.7). */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** The symbols that repeat a length: further bits, and the least times. */
const REPEATS: Readonly<Record<number, readonly [bits: number, times: number]>> = {
  16: [2, 3],
  17: [3, 3],
  18: [7, 11],
};

/** Thrown where the input ends; what was read since the last step is read again when there is more. */
const MORE = new Error('more input is needed');

/** A decoder that is given input and asked for output, in pieces of any size. */
export class Inflater {
  readonly #format: InflateFormat;
  readonly #input = new BitReader();
  readonly #output = new Uint8Array(2 * WINDOW_BYTES + MAX_MATCH);
  /** Up to where the output has been handed over, and up to where there is some. */
  #taken = 0;
  #end = 0;
  #state: State = 'header';
  #wrap: 'gzip' | 'zlib' | 'none' = 'none';
  #lastBlock = false;
  #storedBytes = 0;
  #codes = FIXED_CODES;
  #checksum = 0;
  #size = 0;

  constructor(format: InflateFormat) {
    this.#format = format;
  }

  /** Whether all has been decoded; further input is ignored. */
  get ended(): boolean {
    return this.#state === 'end';
  }

  /** Adds input, once {@link read} has given all that came of what was there. */
  push(bytes: Uint8Array): void {
    if (!this.ended) this.#input.push(bytes);
  }

  /**
   * The next piece of output, at most 64 KiB and not empty; `undefined` if more input is needed, or nothing follows.
   *
   * @throws {Error} if the input is not valid.
   */
  read(): Bytes | undefined {
    const { length } = this.#output;
    try {
      while (this.#state !== 'end' && this.#end + MAX_MATCH <= length) {
        // What the checksum is about has to be handed over before.
        if (this.#state === 'trailer' && this.#taken < this.#end) break;
        this.#input.keep();
        this.#step();
      }
    } catch (error) {
      if (error !== MORE) throw error;
      this.#input.goBack();
    }
    if (this.#state === 'header' && this.#input.bytesLeft > MAX_HEADER_BYTES) {
      throw new Error('its header is too long');
    }
    return this.#take();
  }

  /** @throws {Error} if the input ends too soon. */
  finish(): void {
    // What is too short for another member is none.
    if (this.#state === 'member') this.#state = 'end';
    if (!this.ended) throw new Error('it is cut short');
  }

  #take(): Bytes | undefined {
    if (this.#taken === this.#end) return undefined;
    const piece = this.#output.slice(this.#taken, this.#end);
    if (this.#wrap === 'gzip') this.#checksum = crc32(this.#checksum, piece);
    if (this.#wrap === 'zlib') this.#checksum = adler32(this.#checksum, piece);
    this.#size = (this.#size + piece.length) >>> 0;
    // Matches reach back so far.
    const kept = Math.min(this.#end, WINDOW_BYTES);
    this.#output.copyWithin(0, this.#end - kept, this.#end);
    this.#taken = this.#end = kept;
    return piece;
  }

  #step(): void {
    switch (this.#state) {
      case 'header':
        this.#readHeader();
        this.#state = 'block';
        return;
      case 'block':
        this.#readBlockHeader();
        return;
      case 'stored':
        this.#copyStored();
        return;
      case 'codes':
        this.#decodeSymbols();
        return;
      case 'trailer':
        this.#readTrailer();
        this.#state = this.#wrap === 'gzip' ? 'member' : 'end';
        return;
      default:
        // Another member begins like the first; anything else is not data.
        this.#state =
          this.#input.bits(16) === GZIP_MAGIC && this.#input.bits(8) === DEFLATE ? 'header' : 'end';
        if (this.#state === 'header') this.#input.goBack();
    }
  }

  #readHeader(): void {
    this.#taken = this.#end = this.#size = 0;
    if (this.#format === 'gzip') {
      this.#wrap = 'gzip';
      this.#checksum = 0;
      readGzipHeader(this.#input);
      return;
    }
    const header = this.#input.bits(16);
    const isZlib = (header & 0x0f) === 8 && (((header & 0xff) << 8) | (header >> 8)) % 31 === 0;
    this.#wrap = isZlib ? 'zlib' : 'none';
    this.#checksum = 1;
    if (!isZlib) this.#input.goBack();
    else if ((header & 0x2000) !== 0) throw new Error('it needs a dictionary');
  }

  #readBlockHeader(): void {
    this.#lastBlock = this.#input.bits(1) === 1;
    const type = this.#input.bits(2);
    if (type === 3) throw new Error('a block has an unknown type');
    if (type === 0) {
      this.#input.align();
      const length = this.#input.bits(16);
      if (length !== (this.#input.bits(16) ^ 0xffff)) throw new Error('a block has no valid length');
      this.#storedBytes = length;
      this.#state = 'stored';
      return;
    }
    this.#codes = type === 1 ? FIXED_CODES : readCodes(this.#input);
    this.#state = 'codes';
  }

  #copyStored(): void {
    if (this.#storedBytes === 0) {
      this.#endBlock();
      return;
    }
    const room = this.#output.length - this.#end;
    const bytes = this.#input.bytes(Math.min(this.#storedBytes, room));
    this.#output.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#storedBytes -= bytes.length;
  }

  /** As many as there are and the output has room for. */
  #decodeSymbols(): void {
    const input = this.#input;
    const { lengths, distances } = this.#codes;
    while (this.#end + MAX_MATCH <= this.#output.length) {
      input.keep();
      const symbol = input.symbol(lengths);
      if (symbol === END_OF_BLOCK) {
        this.#endBlock();
        return;
      }
      if (symbol < END_OF_BLOCK) {
        this.#output[this.#end] = symbol;
        this.#end += 1;
        continue;
      }
      const length = this.#extended(symbol - END_OF_BLOCK - 1, LENGTHS, LENGTH_BITS);
      const distance = this.#extended(input.symbol(distances), DISTANCES, DISTANCE_BITS);
      if (distance > this.#end) throw new Error('it refers to what is before its start');
      this.#repeat(distance, length);
    }
  }

  /** Byte by byte, as a match may reach into what it makes. */
  #repeat(distance: number, length: number): void {
    const output = this.#output;
    const start = this.#end;
    for (let i = start; i < start + length; i += 1) output[i] = output[i - distance] ?? 0;
    this.#end = start + length;
  }

  #extended(symbol: number, least: readonly number[], bits: readonly number[]): number {
    const base = least[symbol];
    if (base === undefined) throw new Error('it holds an unknown symbol');
    return base + this.#input.bits(bits[symbol] ?? 0);
  }

  #endBlock(): void {
    this.#state = this.#lastBlock ? 'trailer' : 'block';
  }

  #readTrailer(): void {
    if (this.#wrap === 'none') return;
    this.#input.align();
    const checksum = this.#input.word();
    const expected = this.#wrap === 'gzip' ? checksum : reversed(checksum);
    if (expected !== this.#checksum) throw new Error('its checksum is wrong');
    if (this.#wrap === 'gzip' && this.#input.word() !== this.#size) throw new Error('its length is wrong');
  }
}

/** Numbers of so many bits, the least significant one first. */
class BitReader {
  #bytes: Uint8Array = new Uint8Array();
  /** The next bit, counted from the first of `bytes`. */
  #at = 0;
  #kept = 0;

  get bytesLeft(): number {
    return this.#bytes.length - (this.#at >> 3);
  }

  push(bytes: Uint8Array): void {
    const left = this.#bytes.subarray(this.#at >> 3);
    this.#at &= 7;
    this.#bytes = new Uint8Array(left.length + bytes.length);
    this.#bytes.set(left);
    this.#bytes.set(bytes, left.length);
  }

  /** Remembers where to {@link goBack} to. */
  keep(): void {
    this.#kept = this.#at;
  }

  goBack(): void {
    this.#at = this.#kept;
  }

  /** 0 to 16 bits. */
  bits(count: number): number {
    if (this.#at + count > 8 * this.#bytes.length) throw MORE;
    const value = this.#ahead() & ((1 << count) - 1);
    this.#at += count;
    return value;
  }

  /** 32 bits. */
  word(): number {
    return (this.bits(16) | (this.bits(16) << 16)) >>> 0;
  }

  /** The next 16 bits or more, with zeros behind the last one there is. */
  #ahead(): number {
    const first = this.#at >> 3;
    const low = (this.#bytes[first] ?? 0) | ((this.#bytes[first + 1] ?? 0) << 8);
    return (low | ((this.#bytes[first + 2] ?? 0) << 16)) >> (this.#at & 7);
  }

  /** The next symbol, whose code comes with its most significant bit first. */
  symbol({ counts, symbols, short }: Codes): number {
    const end = 8 * this.#bytes.length;
    const entry = short[this.#ahead() & SHORT_MASK] ?? 0;
    if (entry !== 0 && this.#at + (entry & 15) <= end) {
      this.#at += entry & 15;
      return entry >> 4;
    }
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
      if (this.#at === end) throw MORE;
      code = (code << 1) | (((this.#bytes[this.#at >> 3] ?? 0) >> (this.#at & 7)) & 1);
      this.#at += 1;
      first <<= 1;
      const count = counts[length] ?? 0;
      if (code - first < count) return symbols[index + code - first] ?? 0;
      index += count;
      first += count;
    }
    throw new Error('it holds an unknown code');
  }

  /** Skips the rest of a byte. */
  align(): void {
    this.#at = (this.#at + 7) & ~7;
  }

  /** At least one of so many bytes, behind {@link align}. */
  bytes(count: number): Uint8Array {
    if (this.bytesLeft === 0) throw MORE;
    const start = this.#at >> 3;
    const bytes = this.#bytes.subarray(start, start + count);
    this.#at += 8 * bytes.length;
    return bytes;
  }

  /** Skips bytes up to the next NUL, and that too. */
  skipText(): void {
    const nul = this.#bytes.indexOf(0, this.#at >> 3);
    if (nul === -1) throw MORE;
    this.#at = 8 * (nul + 1);
  }

  skip(bytes: number): void {
    if (this.bytesLeft < bytes) throw MORE;
    this.#at += 8 * bytes;
  }
}

const GZIP_MAGIC = 0x8b1f;
/** The only method there is. */
const DEFLATE = 8;
const GZIP_FLAG = { headerChecksum: 2, extra: 4, name: 8, comment: 16 };
/** Time, a hint for the level, and the system. */
const GZIP_ABOUT_BYTES = 6;

function readGzipHeader(input: BitReader): void {
  if (input.bits(16) !== GZIP_MAGIC || input.bits(8) !== DEFLATE)
    throw new Error('it does not begin like one');
  const flags = input.bits(8);
  if (flags > 31) throw new Error('its header has unknown flags');
  input.skip(GZIP_ABOUT_BYTES);
  if (flags & GZIP_FLAG.extra) input.skip(input.bits(16));
  if (flags & GZIP_FLAG.name) input.skipText();
  if (flags & GZIP_FLAG.comment) input.skipText();
  if (flags & GZIP_FLAG.headerChecksum) input.skip(2);
}

/** A canonical code (RFC 1951 3.2.2): how many codes there are of each length, and the symbols in their order. */
interface Codes {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
  /** By the next bits of the input: a symbol and, in the last 4 bits, the length of its code; 0 if that is longer. */
  readonly short: Uint16Array;
}

const SHORT_BITS = 9;
const SHORT_MASK = (1 << SHORT_BITS) - 1;

/** The codes of a block. */
interface BlockCodes {
  readonly lengths: Codes;
  readonly distances: Codes;
}

/**
 * @param mayWaste whether a code of a single symbol may leave the other bit without a meaning.
 * @throws {Error} if no code has these lengths.
 */
function codesOf(lengths: readonly number[], mayWaste = true): Codes {
  const counts = Array.from<number>({ length: MAX_CODE_BITS + 1 }).fill(0);
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  const symbols: number[] = [];
  const short = new Uint16Array(1 << SHORT_BITS);
  let code = 0;
  let free = 1;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits += 1) {
    free = 2 * free - at(counts, bits);
    if (free < 0) throw new Error('a code has too many symbols');
    code <<= 1;
    for (const [symbol, length] of lengths.entries()) {
      if (length !== bits) continue;
      symbols.push(symbol);
      for (let i = mirrored(code, bits); bits <= SHORT_BITS && i <= SHORT_MASK; i += 1 << bits) {
        short[i] = (symbol << 4) | bits;
      }
      code += 1;
    }
  }
  if (free > 0 && (!mayWaste || lengths.some((length) => length > 1)))
    throw new Error('a code has too few symbols');
  return { counts, symbols, short };
}

const FIXED_CODES: BlockCodes = {
  lengths: codesOf(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
  distances: codesOf(Array.from({ length: 32 }, () => 5)),
};

function readCodes(input: BitReader): BlockCodes {
  const lengthCount = input.bits(5) + 257;
  const distanceCount = input.bits(5) + 1;
  const codeLengthCount = input.bits(4) + 4;
  if (lengthCount > 286 || distanceCount > 30) throw new Error('a block has too many codes');
  const codeLengths = Array.from<number>({ length: CODE_LENGTH_ORDER.length }).fill(0);
  for (const place of CODE_LENGTH_ORDER.slice(0, codeLengthCount)) codeLengths[place] = input.bits(3);
  const codes = codesOf(codeLengths, false);
  const lengths: number[] = [];
  while (lengths.length < lengthCount + distanceCount) {
    const symbol = input.symbol(codes);
    const repeat = REPEATS[symbol];
    if (repeat === undefined) {
      lengths.push(symbol);
      continue;
    }
    if (symbol === 16 && lengths.length === 0) throw new Error('a block repeats what is not there');
    const length = symbol === 16 ? at(lengths, lengths.length - 1) : 0;
    const [bits, times] = repeat;
    for (let left = times + input.bits(bits); left > 0; left -= 1) lengths.push(length);
  }
  if (lengths.length > lengthCount + distanceCount) throw new Error('a block has too many codes');
  if (at(lengths, END_OF_BLOCK) === 0) throw new Error('a block has no end');
  return { lengths: codesOf(lengths.slice(0, lengthCount)), distances: codesOf(lengths.slice(lengthCount)) };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(before: number, bytes: Uint8Array): number {
  let crc = ~before;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

function adler32(before: number, bytes: Uint8Array): number {
  let a = before & 0xffff;
  let b = before >>> 16;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}

function reversed(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

function mirrored(code: number, bits: number): number {
  let mirror = 0;
  for (let bit = 0; bit < bits; bit += 1) mirror |= ((code >> bit) & 1) << (bits - 1 - bit);
  return mirror;
}

/** An element that is there. */
function at(list: { readonly [index: number]: number }, index: number): number {
  return list[index] ?? 0;
}
