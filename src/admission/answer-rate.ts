import { RateLimit, RateLimits } from './rate-limit.js';

/** Sender tags whose rates are remembered. Who has more of them than that is held by the rate of all together. */
const MAX_SENDERS = 4096;

/** Strangers answered per second, ten seconds' worth at once: all of them, and each. */
const RATE = 20;
const RATE_PER_SENDER = 2;

/** How many strangers are told that they have no session here; a flood of them must not become ours. */
export class AnswerRate {
  readonly #all: RateLimit;
  readonly #perSender = new RateLimits(RATE_PER_SENDER, MAX_SENDERS);

  /** @param now of a clock that does not go back, in ms, as in every other call. */
  constructor(now: number) {
    this.#all = new RateLimit(RATE, now);
  }

  /** Senders remembered. */
  get remembered(): number {
    return this.#perSender.size;
  }

  /** Whether this one may be answered, who then counts as answered. */
  spend(senderTag: string, now: number): boolean {
    const perSender = this.#perSender.of(senderTag, now);
    if (!perSender.allows(now) || !this.#all.allows(now)) return false;
    perSender.spend();
    this.#all.spend();
    return true;
  }
}
