import { SessionError } from '../session/errors.js';
import type { MixnetStream } from './mixnet-stream.js';

/** Streams that have come and wait to be taken, in order. */
export class StreamListener implements AsyncIterableIterator<MixnetStream, undefined> {
  readonly #backlog: number;
  readonly #onStop: () => void;
  readonly #waiting = new Set<MixnetStream>();
  readonly #takers: ((result: IteratorResult<MixnetStream, undefined>) => void)[] = [];
  #stopped = false;

  /**
   * @param backlog streams that may wait.
   * @param onStop called once, when nothing is listened for any more.
   */
  constructor(backlog: number, onStop: () => void) {
    this.#backlog = backlog;
    this.#onStop = onStop;
  }

  /** Whether as many streams wait as may. */
  get full(): boolean {
    return this.#waiting.size >= this.#backlog;
  }

  /** Hands a new stream to who has waited for one longest, or lets it wait. */
  add(stream: MixnetStream): void {
    const taker = this.#takers.shift();
    if (taker) {
      taker({ done: false, value: stream });
      return;
    }
    this.#waiting.add(stream);
    const leave = () => void this.#waiting.delete(stream);
    stream.closed.then(leave, leave);
  }

  next(): Promise<IteratorResult<MixnetStream, undefined>> {
    const [stream] = this.#waiting;
    if (stream) {
      this.#waiting.delete(stream);
      return Promise.resolve({ done: false, value: stream });
    }
    if (this.#stopped) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** What leaving a `for await` loop calls. */
  return(): Promise<IteratorResult<MixnetStream, undefined>> {
    this.stop();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Listens no more; the streams that wait are reset. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const stream of this.#waiting)
      stream.reset(new SessionError('refused', 'us', 'nobody took the stream'));
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
    this.#onStop();
  }
}
