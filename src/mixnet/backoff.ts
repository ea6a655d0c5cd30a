/** The longest that the first wait after a failed start can be; it doubles with each further failure. */
export const FIRST_RETRY_MS = 500;

/** The longest wait between two starts that fail. */
export const LAST_RETRY_MS = 30_000;

/**
 * How long to wait, in ms, after `failures` earlier failures and one more. With jitter, so that many clients do not come
 * back to a directory in step.
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS);
  return longest * (0.5 + Math.random() / 2);
}

/** A client that lives so long shows that its gateway does not just accept it and kill it. */
export const PROVEN_AFTER_MS = 60_000;

/** The waits between starts of clients that fail, or that succeed and soon die: both make the next wait longer. */
export class Backoff {
  readonly #now: () => number;
  #failures = 0;
  #failingSince: number | undefined;
  /** When a client started, if none has failed since. */
  #startedAt: number | undefined;

  /** @param now a clock in ms that does not go back. */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the last start failed, or what it started has died. */
  get failing(): boolean {
    return this.#failingSince !== undefined;
  }

  /** A client did not start, or died; gives the ms to wait before the next start. */
  failed(): number {
    const now = this.#now();
    if (this.#startedAt !== undefined && now - this.#startedAt >= PROVEN_AFTER_MS) this.#failures = 0;
    this.#startedAt = undefined;
    this.#failingSince ??= now;
    this.#failures += 1;
    return backoffMs(this.#failures - 1);
  }

  /** A client has started; gives the ms since the first failure, if there was one since the last start. */
  started(): number | undefined {
    const now = this.#now();
    const outageMs = this.#failingSince === undefined ? undefined : now - this.#failingSince;
    this.#failingSince = undefined;
    this.#startedAt = now;
    return outageMs;
  }
}
