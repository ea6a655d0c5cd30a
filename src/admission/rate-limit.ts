import { RecentKeys } from './recent-keys.js';

/** So many seconds' worth of what a rate allows may come at once. */
const BURST_SECONDS = 10;

/** A rate that is kept on average; what was not used is saved up, for {@link BURST_SECONDS} at most. */
export class RateLimit {
  readonly #perMs: number;
  readonly #burst: number;
  #left: number;
  #at: number;

  /** @param perSecond 0 for no limit. */
  constructor(perSecond: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = Math.max(1, perSecond * BURST_SECONDS);
    this.#left = this.#burst;
    this.#at = now;
  }

  /** Whether one more is within the rate. */
  allows(now: number): boolean {
    const since = Math.max(0, now - this.#at);
    this.#left = Math.min(this.#burst, this.#left + since * this.#perMs);
    this.#at = Math.max(this.#at, now);
    return this.#perMs === 0 || this.#left >= 1;
  }

  /** Takes note of one. */
  spend(): void {
    this.#left -= 1;
  }
}

/** One rate for each of many keys, of which those used last are remembered. */
export class RateLimits {
  readonly #perSecond: number;
  readonly #limits: RecentKeys<string, RateLimit>;

  constructor(perSecond: number, maxKeys: number) {
    this.#perSecond = perSecond;
    this.#limits = new RecentKeys(maxKeys);
  }

  /** Keys remembered. */
  get size(): number {
    return this.#limits.size;
  }

  /** The limit of a key, new if it is not remembered. */
  of(key: string, now: number): RateLimit {
    const limit = this.#limits.get(key) ?? new RateLimit(this.#perSecond, now);
    this.#limits.set(key, limit);
    return limit;
  }
}
