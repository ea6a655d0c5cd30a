/** Lets a burst of events be told, and then some a second; what strangers do must not fill a disk. */
export class Throttle {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  #left: number;
  #at: number;
  #untold = 0;

  /** @param now a clock in ms. */
  constructor(burst: number, perSecond: number, now = () => performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#now = now;
    this.#left = burst;
    this.#at = now();
  }

  /** Whether an event may be told now, and how many were not told since the last that was; `undefined` if it may not. */
  next(): number | undefined {
    const now = this.#now();
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#left < 1) {
      this.#untold += 1;
      return undefined;
    }
    this.#left -= 1;
    const untold = this.#untold;
    this.#untold = 0;
    return untold;
  }
}
