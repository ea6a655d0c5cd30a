/** Takes a stream's bytes in the amounts that a parser wants. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  /** The next bytes, at least 1 and at most `max`, as soon as there are any; `undefined` at the stream's end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const { value } = await this.#reader.read();
      if (value === undefined) return undefined;
      this.#chunk = value;
    }
    const bytes = this.#chunk.subarray(0, max);
    this.#chunk = this.#chunk.subarray(bytes.length);
    return bytes;
  }

  /** The next `count` bytes, for small counts; `undefined` if the stream ends before. */
  async exactly(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(count);
    for (let length = 0; length < count;) {
      const part = await this.some(count - length);
      if (part === undefined) return undefined;
      bytes.set(part, length);
      length += part.length;
    }
    return bytes;
  }

  /** Reads to the stream's end and keeps nothing. */
  async drain(): Promise<void> {
    while ((await this.some(Infinity)) !== undefined);
  }
}
