import type { ByteRange } from '../../wire/frame.js';

/** A set of offsets, as ascending ranges that neither overlap nor touch. */
export class RangeSet {
  #ranges: readonly ByteRange[] = [];

  /** The ranges, in order. */
  get ranges(): readonly ByteRange[] {
    return this.#ranges;
  }

  get first(): ByteRange | undefined {
    return this.#ranges[0];
  }

  /** Offset behind the last range; `undefined` if there is none. */
  get end(): number | undefined {
    return this.#ranges.at(-1)?.to;
  }

  /** Adds the offsets of a range. */
  add({ from, to }: ByteRange): void {
    if (to <= from) return;
    const before = this.#ranges.filter((range) => range.to < from);
    const after = this.#ranges.filter((range) => range.from > to);
    const touched = this.#ranges.slice(before.length, this.#ranges.length - after.length);
    const merged = {
      from: Math.min(from, touched[0]?.from ?? from),
      to: Math.max(to, touched.at(-1)?.to ?? to),
    };
    this.#ranges = [...before, merged, ...after];
  }

  /** Removes the offsets of a range. */
  remove({ from, to }: ByteRange): void {
    if (to <= from) return;
    this.#ranges = this.#ranges.flatMap((range) => {
      const left = { from: range.from, to: Math.min(range.to, from) };
      const right = { from: Math.max(range.from, to), to: range.to };
      return [left, right].filter((part) => part.to > part.from);
    });
  }

  /** The parts of a range that are not in the set. */
  missingIn({ from, to }: ByteRange): ByteRange[] {
    const missing = new RangeSet();
    missing.add({ from, to });
    for (const range of this.#ranges) missing.remove(range);
    return [...missing.ranges];
  }

  clear(): void {
    this.#ranges = [];
  }
}
