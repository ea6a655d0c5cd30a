/** Bytes that wait to be sent, in order. */
export class SendBuffer {
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  /** Bytes waiting. */
  get size(): number {
    return this.#size;
  }

  /** Appends a copy of `bytes`, so that the caller may reuse them. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes.slice());
    this.#size += bytes.length;
  }

  /** Takes out the first bytes, `max` at most. */
  take(max: number): Uint8Array {
    const taken = new Uint8Array(Math.min(max, this.#size));
    let filled = 0;
    while (filled < taken.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const part = chunk.subarray(0, taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#size -= filled;
    return taken;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#size = 0;
  }
}
