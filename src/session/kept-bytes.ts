/** Pieces smaller than this are merged, so that many tiny ones do not cost a hundred times their bytes. */
const SMALL_PIECE_BYTES = 1024;

/** A stretch of a byte stream that can be read again from any offset, and is let go of from its beginning. */
export class KeptBytes {
  /** Back to back, oldest first. */
  readonly #pieces: Uint8Array[] = [];
  #start = 0;
  #end = 0;

  /** Offset of the first byte. */
  get start(): number {
    return this.#start;
  }

  /** Bytes held. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** Appends bytes, which then must not change any more. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#end += bytes.length;
    const last = this.#pieces.at(-1);
    if (last === undefined || last.length + bytes.length > SMALL_PIECE_BYTES) {
      this.#pieces.push(bytes);
      return;
    }
    const merged = new Uint8Array(last.length + bytes.length);
    merged.set(last);
    merged.set(bytes, last.length);
    this.#pieces[this.#pieces.length - 1] = merged;
  }

  /** Lets go of everything below `offset`. */
  dropBelow(offset: number): void {
    for (;;) {
      const [first] = this.#pieces;
      if (first === undefined || this.#start + first.length > offset) break;
      this.#pieces.shift();
      this.#start += first.length;
    }
    const [first] = this.#pieces;
    if (first === undefined || offset <= this.#start) return;
    this.#pieces[0] = first.subarray(offset - this.#start);
    this.#start = offset;
  }

  /** Lets go of all, and counts what comes next from the same offset on. */
  clear(): void {
    this.#pieces.length = 0;
    this.#start = this.#end;
  }

  /** A copy of the bytes from `from` to `to`, as far as they are held. */
  slice(from: number, to: number): Uint8Array {
    const begin = Math.max(from, this.#start);
    const bytes = new Uint8Array(Math.max(0, Math.min(to, this.#end) - begin));
    let at = this.#start;
    let filled = 0;
    for (const piece of this.#pieces) {
      if (filled === bytes.length) break;
      if (at + piece.length > begin) {
        const skip = Math.max(0, begin - at);
        const part = piece.subarray(skip, skip + bytes.length - filled);
        bytes.set(part, filled);
        filled += part.length;
      }
      at += piece.length;
    }
    return bytes;
  }
}
