/** More steps back than anybody takes. */
const MAX_STEPS = 100;

/** The paths that were shown, and which of them is now: what back and forward mean in the frame alone. */
export class FrameHistory {
  #paths: string[] = [];
  #now = -1;

  /** Notes what the frame shows, however it came there. */
  visit(path: string): void {
    if (this.#paths[this.#now] === path) return;
    // The browser's own buttons may have moved it.
    if (this.#paths[this.#now - 1] === path) this.#now -= 1;
    else if (this.#paths[this.#now + 1] === path) this.#now += 1;
    else {
      this.#paths = [...this.#paths.slice(0, this.#now + 1), path].slice(-MAX_STEPS);
      this.#now = this.#paths.length - 1;
    }
  }

  /** Where a step leads; `undefined` if nowhere. */
  at(step: -1 | 1): string | undefined {
    return this.#paths[this.#now + step];
  }

  /** Goes there; the frame has to follow. */
  step(step: -1 | 1): string | undefined {
    const path = this.at(step);
    if (path !== undefined) this.#now += step;
    return path;
  }
}
