import { SessionError } from '../session/errors.js';

/** Bytes of the length before each message. */
export const LENGTH_BYTES = 4;

/** The four bytes before a message of `length` bytes. */
export function lengthPrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

/** Cuts a byte stream into the messages that were put into it with {@link lengthPrefix}. */
export class LengthDelimited {
  readonly #maxBytes: number;
  /** What has come of the length, then of the message. */
  #parts: Uint8Array[] = [];
  #has = 0;
  /** The length of the message that comes; `undefined` while its length comes. */
  #length: number | undefined;

  /** @param maxBytes the longest message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun and not ended. */
  get within(): boolean {
    return this.#has > 0 || this.#length !== undefined;
  }

  /**
   * Takes in the next bytes and gives out the messages that they complete.
   *
   * @throws {SessionError} `limit` if a message is announced that is too long.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let rest = chunk;
    for (;;) {
      const missing = (this.#length ?? LENGTH_BYTES) - this.#has;
      if (rest.length < missing) break;
      const whole = this.#join(rest.subarray(0, missing));
      rest = rest.subarray(missing);
      if (this.#length === undefined) {
        this.#length = this.#lengthIn(whole);
      } else {
        this.#length = undefined;
        yield whole;
      }
    }
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#has += rest.length;
  }

  #join(last: Uint8Array): Uint8Array {
    const parts = this.#parts;
    const whole = new Uint8Array(this.#has + last.length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    whole.set(last, at);
    this.#parts = [];
    this.#has = 0;
    return whole;
  }

  #lengthIn(bytes: Uint8Array): number {
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
    if (length <= this.#maxBytes) return length;
    throw new SessionError(
      'limit',
      'us',
      `the peer announced a message of ${length} bytes, of ${this.#maxBytes} allowed`,
    );
  }
}
