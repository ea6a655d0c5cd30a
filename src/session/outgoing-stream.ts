import { Chunks } from './chunks.js';
import { protocolError } from './errors.js';
import { INITIAL_WINDOW } from './limits.js';

/** The bytes of one direction at the end that sends them: what waits, what was sent, how far the peer lets it go. */
export class OutgoingStream {
  readonly #unsent = new Chunks();
  #sent = 0;
  #limit = INITIAL_WINDOW;
  #finishing = false;
  #finSentAt: number | undefined;
  #finAcknowledged = false;

  /** Bytes waiting. */
  get unsent(): number {
    return this.#unsent.size;
  }

  /** Offset behind the last byte that was sent. */
  get sent(): number {
    return this.#sent;
  }

  /** When the end of the stream was sent. */
  get finSentAt(): number | undefined {
    return this.#finSentAt;
  }

  get finAcknowledged(): boolean {
    return this.#finAcknowledged;
  }

  /** Whether the end of the stream is next. */
  get mayFinish(): boolean {
    return this.#finishing && this.#unsent.size === 0 && this.#finSentAt === undefined;
  }

  /** Appends a copy of `bytes`; after {@link finish} or {@link clear} they go nowhere. */
  write(bytes: Uint8Array): void {
    if (!this.#finishing) this.#unsent.push(bytes.slice());
  }

  finish(): void {
    this.#finishing = true;
  }

  /** Drops what waits. */
  clear(): void {
    this.#finishing = true;
    this.#unsent.clear();
  }

  /** Bytes that may be sent now, under the peer's window or under `limit` instead. */
  sendable(limit = this.#limit): number {
    return Math.max(0, Math.min(this.#unsent.size, limit - this.#sent));
  }

  /** Takes out the next bytes to send. */
  take(length: number): Uint8Array {
    const bytes = this.#unsent.take(length);
    this.#sent += bytes.length;
    return bytes;
  }

  /** Takes note that the end of the stream goes out now. */
  finSent(now: number): void {
    this.#finSentAt = now;
  }

  /** Takes note that the peer lets bytes below `limit` be sent. */
  grant(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  /**
   * Takes note that the peer has everything below `offset`; the end of the stream counts as one byte.
   *
   * @throws {SessionError} `protocol` if that much was never sent.
   */
  acknowledge(offset: number): void {
    if (offset > (this.#finSentAt === undefined ? this.#sent : this.#sent + 1)) {
      throw protocolError('the peer acknowledged bytes that were never sent');
    }
    this.#finAcknowledged ||= offset > this.#sent;
  }
}
