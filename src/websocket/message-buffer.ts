const FIRST_CAPACITY = 1024;

/** A message that comes in pieces. It takes at most twice the memory of what has come, however small the pieces. */
export class MessageBuffer {
  #buffer = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** A copy of its own, and of its size. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  /** @throws {TypeError} if it is not UTF-8. */
  text(): string {
    return UTF_8.decode(this.#buffer.subarray(0, this.#length));
  }
}

/** A byte order mark is a character like any other. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
