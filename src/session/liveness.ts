import { KEEP_ALIVE_MS, PROBE_AFTER_MS, PROBE_INTERVALS_MS } from './limits.js';

/**
 * When an opener asks a silent peer whether it is still there (PING), and when it gives it up. The asking brings SURBs
 * too, without which the peer could not say anything.
 *
 * While something is going on, silence is soon suspicious; when the last that was heard was but an answer to the asking
 * itself, nothing is, and the peer is asked once a minute. Waiting is counted in questions that stayed unanswered, so
 * that a clock that jumps (a laptop that slept) gives nobody up before asking again.
 */
export class Liveness {
  #since: number;
  #asked = false;
  #quiet = false;
  #unanswered = 0;

  constructor(now: number) {
    this.#since = now;
  }

  /** Whether the peer has been asked often enough; at {@link deadline} it is given up. */
  get exhausted(): boolean {
    return this.#unanswered >= PROBE_INTERVALS_MS.length;
  }

  /** When to ask next, or to give up. */
  get deadline(): number {
    if (this.#unanswered === 0) return this.#since + (this.#quiet ? KEEP_ALIVE_MS : PROBE_AFTER_MS);
    return this.#since + (PROBE_INTERVALS_MS[this.#unanswered - 1] ?? 0);
  }

  /** A message came in; `news` tells whether it was more than an answer to a question. */
  heard(now: number, news: boolean): void {
    this.#since = now;
    this.#asked = false;
    this.#unanswered = 0;
    this.#quiet = !news;
  }

  /** Something goes out that the peer should answer or acknowledge. */
  sent(now: number): void {
    if (this.#asked || this.#unanswered > 0) return;
    this.#since = now;
    this.#asked = true;
    this.#quiet = false;
  }

  /** A question goes out. */
  probed(now: number): void {
    this.#since = now;
    this.#unanswered += 1;
  }

  /** This end comes another way now: the first question is due at once. */
  rerouted(now: number): void {
    this.#since = now - PROBE_AFTER_MS;
    this.#asked = true;
    this.#quiet = false;
    this.#unanswered = 0;
  }
}
