import { orAborted } from '../mixnet/or-aborted.js';
import { abortError } from '../session/errors.js';
import type { Session } from '../session/session.js';
import type { Mode } from '../session/engine/state.js';
import type { StreamId } from '../wire/stream-frame.js';
import { StreamMessages, type MessagesOptions } from './stream-messages.js';

/**
 * A byte stream to one peer, through the mixnet.
 *
 * Between our own peers it is a connection like TCP's: either end is closed on its own, a reset reaches the other end
 * with its reason, what is not read is not sent, and it outlives the mixnet clients of both ends.
 *
 * A Rust peer knows neither end nor reset ({@link mode} is `legacy`): closing {@link writable} sends what was written
 * and tells the peer nothing; {@link readable} never ends, and errors with `timeout` once nothing has been carried for
 * the idle timeout, as nobody can tell whether anything was still to come. The bytes are in order and complete as far as
 * they come, or the stream is reset.
 */
export class MixnetStream {
  readonly #session: Session;
  #messages: StreamMessages | undefined;

  /** @param session over the envelope of streams. */
  constructor(session: Session) {
    this.#session = session;
  }

  /** Drawn by the end that opened it: 16 hexadecimal digits. Whoever knows it can send in its name: keep it out of logs. */
  get id(): StreamId {
    return this.#session.id;
  }

  /** The peer's bytes, exactly and in order. Errors with a {@link SessionError}; cancelling resets the stream. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#session.readable;
  }

  /** Bytes for the peer. Closing ends this direction only; aborting resets the stream. */
  get writable(): WritableStream<Uint8Array> {
    return this.#session.writable;
  }

  /**
   * Resolves when both directions have ended and everything has arrived; rejects with the {@link SessionError} of a
   * reset. Towards a Rust peer it resolves after {@link close}, when everything is sent.
   */
  get closed(): Promise<void> {
    return this.#session.closed;
  }

  /** `frames` towards a peer of ours, `legacy` towards a Rust one; `unknown` at the opener until the first answer. */
  get mode(): Mode {
    return this.#session.mode;
  }

  /** Bytes sent so far. */
  get bytesSent(): number {
    return this.#session.stats().bytesSent;
  }

  /** Bytes that have come so far, in order. */
  get bytesReceived(): number {
    return this.#session.stats().bytesReceived;
  }

  /**
   * Whole messages instead of bytes: see {@link StreamMessages} for how they are framed. They take {@link readable} and
   * {@link writable} for themselves, so this can be called once.
   *
   * @throws {TypeError} if somebody else reads or writes.
   */
  messages(options?: MessagesOptions): StreamMessages {
    return (this.#messages = new StreamMessages(this.#session, options));
  }

  /**
   * Sends what was written, reads no more, and settles as {@link closed} does: when a peer of ours has ended its
   * direction too, at once when there is no such thing. Who holds a writer has to close it, which is waited for.
   *
   * @param options.signal resets the stream when it aborts.
   * @throws {SessionError} if the stream was reset instead, or an opener never heard of its peer.
   * @throws the signal's reason if it aborts.
   */
  async close({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { writable } = this.#session;
    const ended = this.#messages?.end() ?? (writable.locked ? undefined : writable.close());
    // Whether it was closed already, or reset, is for `closed` to say.
    ended?.catch(() => undefined);
    this.#session.discard();
    if (signal === undefined) return this.closed;
    // First in line, so that the signal's reason is what the caller gets.
    const closed = orAborted(this.closed, signal);
    const onAbort = () => this.reset(signal.reason);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    await closed.finally(() => signal.removeEventListener('abort', onAbort));
  }

  /**
   * Gives the stream up in both directions, at once; a peer of ours is told.
   *
   * @param reason a {@link SessionError} whose code the peer is to hear, or anything, which is `aborted` to the peer.
   */
  reset(reason?: unknown): void {
    this.#session.reset(abortError(reason));
  }
}
