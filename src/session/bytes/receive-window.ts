import { INITIAL_WINDOW, MAX_WINDOW, WINDOW_MS } from '../limits.js';

/**
 * How far the peer may send. The limit moves on as the application reads, so a slow reader holds the sender back; the
 * window grows with the rate at which it is read, so that short and slow sessions are granted, and need, little. It also
 * grows when it is the window that holds the sender back, and not the reader: what is lost is sent again after seconds,
 * and what fills a gap may be lost several times.
 */
export class ReceiveWindow {
  #size: number;
  #limit: number;
  /** The most that may be granted from now on: less than {@link MAX_WINDOW} when memory is short. */
  #most = MAX_WINDOW;
  /** Whether the peer may have been told the limit. */
  #told = false;
  #movedAt: number | undefined;
  #filled = false;

  /** @param size of the window at first, in bytes. */
  constructor(size: number) {
    this.#size = size;
    this.#limit = size;
  }

  /** The offset at which the peer must stop. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Grants at most so many bytes from now on. What was granted stays granted: every peer may send
   * {@link INITIAL_WINDOW} untold.
   */
  limitTo(bytes: number): void {
    this.#most = Math.min(bytes, MAX_WINDOW);
    this.#size = Math.min(this.#size, this.#most);
    if (!this.#told) this.#limit = Math.max(INITIAL_WINDOW, Math.min(this.#limit, this.#most));
  }

  /** The limit, which is about to be told to the peer for the first time. */
  announce(): number {
    this.#told = true;
    return this.#limit;
  }

  /**
   * Whether the application, having read up to `read`, has freed so much that the peer should hear of it: a quarter of
   * the window, which is 2.4 % of packets at 256 KiB.
   */
  due(read: number): boolean {
    return this.#freed(read) >= this.#size / 4;
  }

  /** The peer has sent up to the limit, while the application waits for what is missing before that. */
  filled(): void {
    this.#filled = true;
  }

  /** Moves the limit on; to be called when it is about to be told to the peer. */
  advance(read: number, now: number): void {
    this.#told = true;
    if (this.due(read)) {
      // The first part of it came at the pace of the round trip.
      const tookMs = this.#movedAt === undefined ? 0 : now - this.#movedAt;
      const share = this.#freed(read) / this.#size;
      if (this.#filled || tookMs < share * WINDOW_MS) this.#size = Math.min(2 * this.#size, this.#most);
      this.#filled = false;
      this.#movedAt = now;
    }
    this.#limit = Math.max(this.#limit, read + this.#size);
  }

  #freed(read: number): number {
    return read + this.#size - this.#limit;
  }
}
