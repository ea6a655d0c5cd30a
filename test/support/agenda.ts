interface Entry {
  readonly at: number;
  readonly run: () => void;
}

/** What will happen, in the order of time; at the same time, in the order in which it was added. */
export class Agenda {
  /** Latest first. */
  readonly #entries: Entry[] = [];

  /** When the next thing happens; `Infinity` for never. */
  get next(): number {
    return this.#entries.at(-1)?.at ?? Infinity;
  }

  add(at: number, run: () => void): void {
    let index = this.#entries.length;
    while (index > 0 && (this.#entries[index - 1]?.at ?? Infinity) <= at) index -= 1;
    this.#entries.splice(index, 0, { at, run });
  }

  /** Lets happen everything up to `now`, what is added meanwhile included. */
  run(now: number): void {
    while (this.next <= now) this.#entries.pop()?.run();
  }
}
