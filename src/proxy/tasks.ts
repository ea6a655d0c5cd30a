/** Work under way that somebody waits for before closing. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();

  /** Keeps track of a task that never rejects. */
  add(task: Promise<void>): void {
    const tracked = task.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /** Settles when every task so far has. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}
