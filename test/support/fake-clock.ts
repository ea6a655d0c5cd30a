import type { Clock } from '../../src/session/clock.js';

/**
 * A clock that stands still until everything that could happen now has happened, and then jumps to the next timer. So an
 * hour of waiting takes no time, and the same schedule always goes the same way.
 */
export class FakeClock implements Clock {
  /** Earliest first; at the same time, in the order in which they were set. */
  readonly #timers: { readonly at: number; readonly run: () => void }[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), run };
    const index = this.#timers.findLastIndex(({ at }) => at <= timer.at) + 1;
    this.#timers.splice(index, 0, timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Settles after so many ms of this clock. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs until `done` settles, which it returns, or throws when nothing is left that could settle it. */
  async run<T>(done: Promise<T>, untilMs = Infinity): Promise<T> {
    const state = { settled: false };
    const settle = () => (state.settled = true);
    done.then(settle, settle);
    for (;;) {
      // Promises settle in microtasks, sessions send in the task after: a few rounds are enough for both.
      for (let round = 0; round < 6 && !state.settled; round += 1)
        await new Promise<void>((resolve) => setImmediate(resolve));
      if (state.settled) return done;
      const next = this.#timers.shift();
      if (next === undefined || next.at > untilMs)
        throw new Error(`nothing settles it (at ${this.#now} ms of the clock)`);
      this.#now = next.at;
      next.run();
    }
  }
}
