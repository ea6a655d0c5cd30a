import { ACK_DELAY_MS, ACK_LATEST_MS, ACK_PAUSE_MS } from './limits.js';

/**
 * When an acknowledgement goes out without data that it could ride with: at once if the sender may be waiting for it,
 * else in the pause after what it acknowledges, so that a stream that flows is not answered packet by packet.
 */
export class AckSchedule {
  #soon: number | undefined;
  #pause: number | undefined;
  #latest: number | undefined;

  /** When it is due; `undefined` if nothing is to be acknowledged. */
  get at(): number | undefined {
    const pause = this.#pause === undefined ? undefined : Math.min(this.#pause, this.#latest ?? Infinity);
    return this.#soon === undefined ? pause : Math.min(this.#soon, pause ?? Infinity);
  }

  /** The peer may be waiting: there is room in the window again, its stream is complete, or it asked. */
  soon(now: number): void {
    this.#soon ??= now + ACK_DELAY_MS;
  }

  /** Something arrived, and the peer keeps it until it is acknowledged. */
  inPause(now: number): void {
    this.#pause = now + ACK_PAUSE_MS;
    this.#latest ??= now + ACK_LATEST_MS;
  }

  /** An acknowledgement goes out. */
  sent(): void {
    this.#soon = undefined;
    this.#pause = undefined;
    this.#latest = undefined;
  }
}
