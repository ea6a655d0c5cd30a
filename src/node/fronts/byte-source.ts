import type { ByteStreams } from '../../proxy/join.js';

/** Reads the beginning of a connection piece by piece; what is not taken stays for whoever reads on. */
export class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #broken = false;
  #reading: Promise<boolean> | undefined;

  constructor({ readable }: Pick<ByteStreams, 'readable'>) {
    this.#reader = readable.getReader();
  }

  /** What has come and was not taken. */
  get held(): Buffer {
    return this.#held;
  }

  /** Whether nothing has come, not even the end. */
  get isSilent(): boolean {
    return this.#held.length === 0 && !this.#ended && !this.#broken;
  }

  /** Waits for more bytes; false at the end. Rejects if the connection breaks. */
  more(): Promise<boolean> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** As {@link more}, but no longer than `limitMs`: `undefined` if nothing has come by then. */
  async moreWithin(limitMs: number): Promise<boolean | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, limitMs, undefined)));
    try {
      return await Promise.race([this.more(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Settles when something has come, the connection has ended or broken, or so much time has passed. */
  async arrival(limitMs: number): Promise<void> {
    if (!this.isSilent) return;
    try {
      await this.moreWithin(limitMs);
    } catch {
      this.#broken = true;
    }
  }

  /** Takes the next `count` bytes; `undefined` if the connection ends before. */
  async take(count: number): Promise<Buffer | undefined> {
    while (this.#held.length < count) if (!(await this.more())) return undefined;
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** Puts bytes before what has come. */
  putBack(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held]);
  }

  /** Takes what is there, or comes next; `undefined` at the end. */
  async next(): Promise<Buffer | undefined> {
    if (this.#held.length === 0 && !(await this.more())) return undefined;
    return this.take(this.#held.length);
  }

  /** Reads no more: the connection is given up. */
  cancel(reason?: unknown): Promise<void> {
    return this.#reader.cancel(reason);
  }

  async #read(): Promise<boolean> {
    if (this.#ended) return false;
    const { done, value } = await this.#reader.read();
    if (done) {
      this.#ended = true;
      return false;
    }
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    return true;
  }
}
