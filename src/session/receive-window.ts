import { INITIAL_WINDOW, MAX_WINDOW } from './limits.js';

/**
 * How far the peer may send. The limit moves on as the application reads, so a slow reader holds the sender back; it
 * doubles with every step up to {@link MAX_WINDOW}, so that short sessions are granted, and need, little.
 */
export class ReceiveWindow {
  #size = INITIAL_WINDOW;
  #limit = INITIAL_WINDOW;

  /** The offset at which the peer must stop. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Whether the application, having read up to `read`, has freed so much that the peer should hear of it: a quarter of
   * the window, which is 2.4 % of packets at full size.
   */
  due(read: number): boolean {
    return read + this.#size - this.#limit >= this.#size / 4;
  }

  /** Moves the limit on; to be called when it is about to be told to the peer. */
  advance(read: number): void {
    if (this.due(read)) this.#size = Math.min(2 * this.#size, MAX_WINDOW);
    this.#limit = Math.max(this.#limit, read + this.#size);
  }
}
