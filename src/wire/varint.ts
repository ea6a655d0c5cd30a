import { WireError } from './errors.js';

/**
 * Variable-length integers of RFC 9000 section 16: the two highest bits of the first byte give the length
 * (1, 2, 4 or 8 bytes), big endian. Values stay within `Number.MAX_SAFE_INTEGER`.
 */
export function varintBytes(value: number): 1 | 2 | 4 | 8 {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x4000_0000 ? 4 : 8;
}

/** Writes `value` at `offset` and returns the offset behind it. */
export function writeVarint(view: DataView, offset: number, value: number): number {
  const length = varintBytes(value);
  if (length === 1) view.setUint8(offset, value);
  else if (length === 2) view.setUint16(offset, value | 0x4000);
  else if (length === 4) view.setUint32(offset, (value | 0x8000_0000) >>> 0);
  else view.setBigUint64(offset, BigInt(value) | 0xc000_0000_0000_0000n);
  return offset + length;
}

/** Reads bytes front to back; every read past the end is a {@link WireError}. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0;
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Uint8Array {
    if (length > this.remaining) throw new WireError(`${length} bytes expected, ${this.remaining} left`);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  varint(): number {
    if (this.remaining === 0) throw new WireError('an integer is missing');
    const start = this.#offset;
    const length = 1 << (this.#view.getUint8(start) >> 6);
    this.bytes(length);
    if (length === 1) return this.#view.getUint8(start) & 0x3f;
    if (length === 2) return this.#view.getUint16(start) & 0x3fff;
    if (length === 4) return this.#view.getUint32(start) & 0x3fff_ffff;
    const value = this.#view.getBigUint64(start) & 0x3fff_ffff_ffff_ffffn;
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new WireError('an integer is larger than 2^53 - 1');
    return Number(value);
  }
}
