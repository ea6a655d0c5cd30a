import type { Connection, ConnectionStats } from '../../src/session/connection.js';
import { SessionError } from '../../src/session/errors.js';
import { NO_STATS } from '../support/no-stats.js';

/** One end of a lane in memory, which delivers exactly or is reset, as a session is. */
export interface TestLane extends Connection {
  /** What it was reset with by this end. */
  readonly resetWith: SessionError | undefined;
  /** Bytes written at this end. */
  readonly written: number;
  /** Since when this end says that it is without a mixnet client. */
  pausedSince: number | undefined;
}

/**
 * A lane in memory: whatever is written at one end comes out at the other after `delay` moments.
 *
 * @param version of the session protocol that both ends speak.
 */
export function lanePair(delay: () => Promise<void>, version = 1): readonly [TestLane, TestLane] {
  const up = new TransformStream<Uint8Array, Uint8Array>(slow(delay));
  const down = new TransformStream<Uint8Array, Uint8Array>(slow(delay));
  const ends: End[] = [];
  const end = (readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>) => {
    const one: End = new End(readable, writable, version, () => ends.find((other) => other !== one));
    ends.push(one);
    return one;
  };
  return [end(down.readable, up.writable), end(up.readable, down.writable)];
}

function slow(delay: () => Promise<void>): Transformer<Uint8Array, Uint8Array> {
  return {
    transform: async (bytes, controller) => {
      await delay();
      controller.enqueue(bytes);
    },
  };
}

class End implements TestLane {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly closed: Promise<void>;
  readonly version: number;
  pausedSince: number | undefined;
  /** Bytes that have come to whoever reads. */
  delivered = 0;
  resetWith: SessionError | undefined;
  written = 0;
  readonly #other: () => End | undefined;
  #fail: (error: SessionError) => void = () => undefined;
  #failed = false;

  constructor(
    readable: ReadableStream<Uint8Array>,
    writable: WritableStream<Uint8Array>,
    version: number,
    other: () => End | undefined,
  ) {
    this.version = version;
    this.#other = other;
    const failed = new Promise<never>((_, reject) => (this.#fail = reject));
    let source: ReadableStreamDefaultController<Uint8Array> | undefined;
    let sink: WritableStreamDefaultController | undefined;
    failed.catch((error: unknown) => {
      source?.error(error);
      sink?.error(error);
    });
    const reader = readable.getReader();
    const writer = writable.getWriter();
    reader.closed.catch(() => undefined);
    writer.closed.catch(() => undefined);
    let hasRead: () => void = () => undefined;
    let hasClosed: () => void = () => undefined;
    const bothEnded = Promise.all([
      new Promise<void>((resolve) => (hasRead = resolve)),
      new Promise<void>((resolve) => (hasClosed = resolve)),
    ]);
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (source = controller),
        pull: async (controller) => {
          const { value, done } = await Promise.race([reader.read(), failed]);
          if (!done) {
            this.delivered += value.length;
            controller.enqueue(value);
            return;
          }
          controller.close();
          hasRead();
        },
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => void (sink = controller),
      write: (bytes) => {
        this.written += bytes.length;
        return Promise.race([writer.write(bytes), failed]);
      },
      close: () => {
        void writer.close();
        hasClosed();
      },
    });
    this.closed = Promise.race([bothEnded.then(() => undefined), failed]);
    this.closed.catch(() => undefined);
  }

  stats(): ConnectionStats {
    const bytesAcknowledged = this.#other()?.delivered ?? 0;
    return { ...NO_STATS, bytesAcknowledged, pausedSince: this.pausedSince };
  }

  reset(error: SessionError): void {
    this.resetWith ??= error;
    this.breakOff(error);
    this.#other()?.breakOff(new SessionError(error.code === 'lost' ? 'gone' : error.code, 'peer'));
  }

  breakOff(error: SessionError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#fail(error);
  }
}
