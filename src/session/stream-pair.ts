import { abortError, type SessionError } from './errors.js';

/** What is behind the two streams. */
export interface StreamPairEnds {
  /** Gives the reader its next chunk, or closes it. */
  readonly pull: (controller: ReadableStreamDefaultController<Uint8Array>) => Promise<void>;
  /** Takes bytes; settles when more may follow. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly close: () => void;
  /** The application cancels one stream or aborts the other. */
  readonly reset: (error: SessionError) => void;
}

/** The two byte streams that an application sees of a session, or of what looks like one. */
export class StreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  #reader: ReadableStreamDefaultController<Uint8Array> | undefined;
  #writer: WritableStreamDefaultController | undefined;

  constructor({ pull, write, close, reset }: StreamPairEnds) {
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#reader = controller),
        pull,
        cancel: (reason: unknown) => reset(abortError(reason)),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
        // The sink's own `abort` would only be called once the write under way has ended, which may need this reset.
        controller.signal.addEventListener('abort', () => reset(abortError(controller.signal.reason)));
      },
      write: async (bytes) => {
        // The type says so, but a web page may still write a string.
        if (!((bytes as unknown) instanceof Uint8Array))
          throw new TypeError('a session carries Uint8Array chunks only');
        await write(bytes);
      },
      close,
    });
  }

  /** Ends both with an error, unless they have ended. */
  error(error: SessionError): void {
    this.#reader?.error(error);
    this.#writer?.error(error);
  }
}
