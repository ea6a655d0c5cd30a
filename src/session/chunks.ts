/** Chunks smaller than this are merged, so that many tiny ones do not cost a hundred times their bytes. */
const SMALL_CHUNK_BYTES = 1024;

/** Bytes in order, as a queue of chunks. */
export class Chunks {
  /** Oldest last, so that taking one out costs nothing. */
  #outgoing: Uint8Array[] = [];
  #incoming: Uint8Array[] = [];
  #size = 0;

  /** Bytes held. */
  get size(): number {
    return this.#size;
  }

  /** Appends bytes, which are then the queue's own. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    const last = this.#incoming.at(-1);
    if (last === undefined || last.length + bytes.length > SMALL_CHUNK_BYTES) {
      this.#incoming.push(bytes);
      return;
    }
    const merged = new Uint8Array(last.length + bytes.length);
    merged.set(last);
    merged.set(bytes, last.length);
    this.#incoming[this.#incoming.length - 1] = merged;
  }

  /** Takes out the first chunk. */
  shift(): Uint8Array | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.reverse();
      this.#incoming = [];
    }
    const chunk = this.#outgoing.pop();
    this.#size -= chunk?.length ?? 0;
    return chunk;
  }

  /** Takes out the first bytes, `max` at most, in one piece. */
  take(max: number): Uint8Array {
    const taken = new Uint8Array(Math.min(max, this.#size));
    let filled = 0;
    while (filled < taken.length) {
      const chunk = this.shift();
      if (chunk === undefined) break;
      const part = chunk.subarray(0, taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length < chunk.length) this.#putBack(chunk.subarray(part.length));
    }
    return taken;
  }

  clear(): void {
    this.#outgoing = [];
    this.#incoming = [];
    this.#size = 0;
  }

  #putBack(rest: Uint8Array): void {
    this.#outgoing.push(rest);
    this.#size += rest.length;
  }
}
