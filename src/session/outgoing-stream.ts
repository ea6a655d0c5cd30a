import { Chunks } from './chunks.js';
import { protocolError, SessionError } from './errors.js';
import { INITIAL_WINDOW, MAX_WINDOW } from './limits.js';
import { KeptBytes } from './kept-bytes.js';

/** A stretch of the stream that is to be sent again. */
interface Stretch {
  next: number;
  readonly end: number;
}

/**
 * The bytes of one direction at the end that sends them: what waits, what was sent and is not acknowledged, how far the
 * peer lets it go. The end of the stream is acknowledged like a byte.
 */
export class OutgoingStream {
  readonly #unsent = new Chunks();
  readonly #kept = new KeptBytes();
  #keeps = true;
  #sent = 0;
  #acknowledged = 0;
  #limit = INITIAL_WINDOW;
  #again: Stretch | undefined;
  #finishing = false;
  #finSentAt: number | undefined;
  #finAgain = false;
  #finAcknowledged = false;

  /** Bytes waiting. */
  get unsent(): number {
    return this.#unsent.size;
  }

  /** Offset behind the last byte that was sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Offset behind the last byte that the peer has acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Bytes kept because the peer has not acknowledged them. */
  get kept(): number {
    return this.#kept.size;
  }

  /** Whether bytes, or the end of the stream, have been sent and not been acknowledged. */
  get outstanding(): boolean {
    return this.#acknowledged < this.#sent || (this.#finSentAt !== undefined && !this.#finAcknowledged);
  }

  /** When the end of the stream was first sent. */
  get finSentAt(): number | undefined {
    return this.#finSentAt;
  }

  get finAcknowledged(): boolean {
    return this.#finAcknowledged;
  }

  /** Whether the end of the stream is next. */
  get mayFinish(): boolean {
    if (!this.#finishing || this.#unsent.size > 0 || this.#again !== undefined) return false;
    return this.#finSentAt === undefined || this.#finAgain;
  }

  /** Appends a copy of `bytes`; after {@link finish} or {@link clear} they go nowhere. */
  write(bytes: Uint8Array): void {
    if (!this.#finishing) this.#unsent.push(bytes.slice());
  }

  finish(): void {
    this.#finishing = true;
  }

  /** Drops what waits and what is kept. */
  clear(): void {
    this.#finishing = true;
    this.#unsent.clear();
    this.#again = undefined;
    this.keepNothing();
  }

  /** The peer acknowledges nothing, so nothing needs to be kept. */
  keepNothing(): void {
    this.#keeps = false;
    this.#kept.clear();
  }

  /** Offset of the next byte to be sent. */
  get next(): number {
    return this.#again?.next ?? this.#sent;
  }

  /**
   * Bytes that may be sent now, under the peer's window and ours, or under `limit` instead. What is sent again goes
   * first.
   */
  sendable(limit = Math.min(this.#limit, this.#acknowledged + MAX_WINDOW)): number {
    if (this.#again !== undefined) return Math.max(0, Math.min(this.#again.end, limit) - this.#again.next);
    return Math.max(0, Math.min(this.#unsent.size, limit - this.#sent));
  }

  /** Takes the next bytes to send, `length` at most, from offset {@link next} on. */
  take(length: number): Uint8Array {
    if (this.#again !== undefined) return this.#takeAgain(this.#again, length);
    const bytes = this.#unsent.take(length);
    this.#sent += bytes.length;
    if (!this.#keeps) return bytes;
    this.#kept.push(bytes);
    // Only a peer that has not answered lets so much be sent.
    if (this.#kept.size > MAX_WINDOW) this.#kept.clear();
    return bytes;
  }

  /** Takes note that the end of the stream goes out now. */
  finSent(now: number): void {
    this.#finSentAt ??= now;
    this.#finAgain = false;
  }

  /**
   * Sends again what is not acknowledged, `most` bytes of it at most. Returns the offset behind it.
   *
   * @throws {SessionError} `limit` if it has not been kept.
   */
  sendAgain(most = Number.MAX_SAFE_INTEGER): number {
    const end = Math.min(this.#sent, this.#acknowledged + most);
    if (this.outstanding && (!this.#keeps || this.#acknowledged < this.#kept.start)) {
      throw new SessionError(
        'limit',
        'us',
        'more was lost before the first answer than is kept to be sent again',
      );
    }
    this.#again = end > this.#acknowledged ? { next: this.#acknowledged, end } : undefined;
    this.#finAgain = this.#finSentAt !== undefined && !this.#finAcknowledged && end === this.#sent;
    return end;
  }

  /** Takes note that the peer lets bytes below `limit` be sent. */
  grant(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  /**
   * Takes note that the peer has everything below `offset`; tells whether that is news.
   *
   * @throws {SessionError} `protocol` if that much was never sent.
   */
  acknowledge(offset: number): boolean {
    if (offset > (this.#finSentAt === undefined ? this.#sent : this.#sent + 1)) {
      throw protocolError('the peer acknowledged bytes that were never sent');
    }
    const finNews = offset > this.#sent && !this.#finAcknowledged;
    if (finNews) {
      this.#finAcknowledged = true;
      this.#finAgain = false;
    }
    const received = Math.min(offset, this.#sent);
    if (received <= this.#acknowledged) return finNews;
    this.#acknowledged = received;
    this.#kept.dropBelow(received);
    if (this.#again !== undefined) this.#skip(this.#again, received);
    return true;
  }

  #takeAgain(stretch: Stretch, length: number): Uint8Array {
    const bytes = this.#kept.slice(stretch.next, Math.min(stretch.end, stretch.next + length));
    this.#skip(stretch, stretch.next + bytes.length);
    return bytes;
  }

  #skip(stretch: Stretch, to: number): void {
    stretch.next = Math.max(stretch.next, to);
    if (stretch.next >= stretch.end) this.#again = undefined;
  }
}
