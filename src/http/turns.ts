/** Work on end that still lets a page answer its user at once. */
const WORK_MS = 10;

/** Lets the event loop turn between pieces of work that would otherwise follow each other without a break. */
export class Turns {
  #until = performance.now() + WORK_MS;

  /** To be awaited between pieces. */
  async next(): Promise<void> {
    if (performance.now() < this.#until) return;
    await turn();
    this.#until = performance.now() + WORK_MS;
  }
}

/** Unlike a timer, a message is not held up in a hidden tab. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
