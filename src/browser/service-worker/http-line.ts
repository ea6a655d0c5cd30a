import { tunnelFailure } from './failure.js';

/** HTTP through a tunnel that some tab holds. */
export interface HttpLine {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Settles when the tab no longer holds the tunnel. */
  readonly lost: Promise<void>;
}

const PAUSE_MS = 200;

/**
 * The line in use. There is nothing to it that a stopped service worker could lose: whoever asks first has one opened.
 */
export class CurrentLine {
  readonly #open: () => Promise<HttpLine>;
  #line: Promise<HttpLine> | undefined;

  constructor(open: () => Promise<HttpLine>) {
    this.#open = open;
  }

  /** @throws what opening it did; the next call then tries again. */
  take(): Promise<HttpLine> {
    if (this.#line) return this.#line;
    const line = this.#open();
    this.#line = line;
    const forget = () => this.#forget(line);
    line.then(({ lost }) => lost.then(forget, forget), forget);
    return line;
  }

  /**
   * Another line instead of one that broke down. Another tab takes over from one that was closed, but not at once, so
   * it is waited for.
   *
   * @throws what opening one did, if no tab holds a tunnel for so long.
   */
  async replace(broken: HttpLine, patienceMs: number, signal: AbortSignal): Promise<HttpLine> {
    if (this.#line && (await this.#line.catch(() => undefined)) === broken) this.#line = undefined;
    const end = performance.now() + patienceMs;
    for (;;) {
      try {
        return await this.take();
      } catch (error) {
        signal.throwIfAborted();
        if (performance.now() >= end || tunnelFailure(error).kind !== 'no-tab') throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #forget(line: Promise<HttpLine>): void {
    if (this.#line === line) this.#line = undefined;
  }
}
