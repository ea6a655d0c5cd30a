import { SURB_WAIT_MS } from './limits.js';
import type { SessionState } from './session-state.js';

/** Holds an acceptor's replies back while it has no SURBs for them, for a limited time; never an opener's messages. */
export class SurbWait {
  readonly #state: SessionState;
  #until: number | undefined;

  constructor(state: SessionState) {
    this.#state = state;
  }

  /** When SURBs are waited for no longer; `undefined` while they are not. */
  get until(): number | undefined {
    return this.#until;
  }

  /** Whether there are SURBs for what is due, or they were waited for long enough. Says how many are wanted. */
  mayReply(): boolean {
    const { replies, now, wake } = this.#state;
    // Even a reply without any of the stream takes one.
    this.#state.wantSurbs(1);
    if (replies === undefined || replies.usable > 0 || this.#state.isDue(this.#until)) {
      this.end();
      return true;
    }
    this.#until ??= now + SURB_WAIT_MS;
    replies.whenMore(wake);
    return false;
  }

  /** There is nothing to reply with. */
  end(): void {
    this.#until = undefined;
  }
}
