/** Chunks smaller than this are merged, so that many tiny ones do not cost a hundred times their bytes. */
const SMALL_CHUNK_BYTES = 1024;

/** Bytes in order, as a queue of chunks. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk that was not taken out. */
  #head = 0;
  #size = 0;

  /** Bytes held. */
  get size(): number {
    return this.#size;
  }

  /** Appends bytes, which then belong to the queue. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    const last = this.#head < this.#chunks.length ? this.#chunks.at(-1) : undefined;
    if (last === undefined || last.length + bytes.length > SMALL_CHUNK_BYTES) {
      this.#chunks.push(bytes);
      return;
    }
    this.#chunks[this.#chunks.length - 1] = concat(last, bytes);
  }

  /** Takes all of another queue's bytes and appends them. */
  append(other: ByteQueue): void {
    for (let chunk = other.shift(); chunk !== undefined; chunk = other.shift()) this.push(chunk);
  }

  /** Puts bytes before all others; they then belong to the queue. */
  prepend(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    const first = this.#chunks[this.#head];
    if (first !== undefined && first.length + bytes.length <= SMALL_CHUNK_BYTES) {
      this.#chunks[this.#head] = concat(bytes, first);
    } else if (this.#head > 0) {
      this.#head -= 1;
      this.#chunks[this.#head] = bytes;
    } else {
      this.#chunks.unshift(bytes);
    }
  }

  /** Takes all of another queue's bytes and puts them before all others. */
  prependAll(other: ByteQueue): void {
    for (const chunk of other.#chunks.slice(other.#head).reverse()) this.prepend(chunk);
    other.clear();
  }

  /** Takes out the first chunk. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined) return undefined;
    this.#head += 1;
    this.#size -= chunk.length;
    // Half of the array at a time, so that taking out a chunk costs the same however many there are.
    if (this.#head * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
    return chunk;
  }

  clear(): void {
    this.#chunks = [];
    this.#head = 0;
    this.#size = 0;
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
