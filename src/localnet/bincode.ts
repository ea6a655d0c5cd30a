/**
 * Writes values as bincode, the way the real directory does: little endian, integers of variable length, no names.
 *
 * @module
 */

/** What is above does not fit into one byte; these bytes say how many follow. */
const MAX_ONE_BYTE = 250;
const TWO_BYTES_FOLLOW = 251;
const FOUR_BYTES_FOLLOW = 252;

const utf8 = new TextEncoder();

/** Each method appends one value and returns the writer. */
export class BincodeWriter {
  readonly #bytes: number[] = [];

  /** An integer of 16 bits or more, a length, or the number of an enum's variant: 0 to 2^32 - 1. */
  integer(value: number): this {
    if (value <= MAX_ONE_BYTE) this.#bytes.push(value);
    else if (value <= 0xffff) this.#bytes.push(TWO_BYTES_FOLLOW, value & 0xff, value >>> 8);
    else {
      this.#bytes.push(FOUR_BYTES_FOLLOW);
      for (const shift of [0, 8, 16, 24]) this.#bytes.push((value >>> shift) & 0xff);
    }
    return this;
  }

  /** Bytes of a known number. */
  raw(bytes: Iterable<number>): this {
    this.#bytes.push(...bytes);
    return this;
  }

  boolean(value: boolean): this {
    return this.raw([value ? 1 : 0]);
  }

  text(value: string): this {
    const bytes = utf8.encode(value);
    return this.integer(bytes.length).raw(bytes);
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.integer(items.length);
    items.forEach(write);
    return this;
  }

  optional<T>(value: T | null, write: (value: T) => void): this {
    this.boolean(value !== null);
    if (value !== null) write(value);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
