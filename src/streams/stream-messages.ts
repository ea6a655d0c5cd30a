import { wholeNumberOf, OptionError } from '../basics/options-check.js';
import type { Connection } from '../session/connection.js';
import { SessionError } from '../session/errors.js';
import { LengthDelimited, lengthPrefix } from './length-delimited.js';

/** The longest message unless another limit is given: 8 MiB, as in `LengthDelimitedCodec`. */
export const DEFAULT_MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** How messages are taken from and put into a stream. */
export interface MessagesOptions {
  /** The longest message either way, in bytes; 8 MiB unless given. At most 4,294,967,295. */
  readonly maxBytes?: number | undefined;
}

/** A byte stream in both directions, and how to give it up. */
export type MessageCarrier = Pick<Connection, 'readable' | 'writable' | 'reset'>;

/**
 * Whole messages over a stream, each behind its length as four bytes, big endian: what a Rust peer gets from
 * `tokio_util::codec::LengthDelimitedCodec` with its defaults, over its `MixnetStream`.
 *
 * ```ts
 * const messages = stream.messages();
 * await messages.send(new TextEncoder().encode('hello'));
 * for await (const message of messages) console.log(message.length);
 * ```
 */
export class StreamMessages implements AsyncIterable<Uint8Array> {
  readonly #carrier: MessageCarrier;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #maxBytes: number;
  readonly #incoming: AsyncGenerator<Uint8Array, void, undefined>;
  #failure: Error | undefined;

  /**
   * Takes both directions of the stream for itself.
   *
   * @throws {RangeError} if `maxBytes` is no whole number of 32 bits.
   * @throws {TypeError} if somebody else reads or writes the stream.
   */
  constructor(carrier: MessageCarrier, { maxBytes = DEFAULT_MAX_MESSAGE_BYTES }: MessagesOptions = {}) {
    wholeNumberOf('maxBytes', maxBytes, { max: 0xffff_ffff });
    this.#carrier = carrier;
    this.#maxBytes = maxBytes;
    this.#reader = carrier.readable.getReader();
    this.#writer = carrier.writable.getWriter();
    this.#incoming = this.#receiveAll();
  }

  /**
   * Sends a message. Settles when there is room for the next one, which is not yet delivery.
   *
   * @throws {RangeError} if the message is too long; the stream goes on.
   * @throws {SessionError} if the stream was reset.
   */
  async send(message: Uint8Array): Promise<void> {
    if (message.length > this.#maxBytes)
      throw new OptionError(
        `a message of ${message.length} bytes is too long: ${this.#maxBytes} are allowed`,
      );
    await Promise.all([this.#writer.write(lengthPrefix(message.length)), this.#writer.write(message)]);
  }

  /**
   * The next message; `undefined` behind the last one.
   *
   * @throws {SessionError} if the stream was reset; `limit` if the peer's message is too long, and `protocol` if the
   *   stream ended within one.
   */
  async receive(): Promise<Uint8Array | undefined> {
    const { value } = await this.#incoming.next();
    // Behind an error a generator is at its end; the stream is not.
    if (this.#failure) throw this.#failure;
    return value ?? undefined;
  }

  /** The messages up to the end of the stream. Leaving the loop ends nothing: a later one goes on from there. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        const value = await this.receive();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
    };
  }

  /** Says that no message follows; a Rust peer does not hear of it. Those of the peer may still come. */
  async end(): Promise<void> {
    await this.#writer.close();
  }

  async *#receiveAll(): AsyncGenerator<Uint8Array, void, undefined> {
    const messages = new LengthDelimited(this.#maxBytes);
    try {
      for (;;) {
        const { value } = await this.#reader.read();
        if (value === undefined) break;
        yield* messages.push(value);
      }
      if (messages.within) throw new SessionError('protocol', 'us', 'the stream ended within a message');
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error('the stream broke', { cause: error });
      if (error instanceof SessionError) this.#carrier.reset(error);
    }
  }
}
