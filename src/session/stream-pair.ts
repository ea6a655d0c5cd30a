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
        if (!isBytes(bytes)) {
          const error = new TypeError(
            'a session carries chunks of Uint8Array only: encode text with TextEncoder',
          );
          // A sink that fails errors its stream without a call of `abort`: the peer would never hear of it.
          reset(abortError(error));
          throw error;
        }
        await write(bytes);
      },
      close,
    });
  }

  /** Nothing can be written any more. A stream that is being aborted ends with the reason for that. */
  errorWriter(error: SessionError): void {
    if (this.#writer?.signal.aborted === false) this.#writer.error(error);
  }

  /** Nothing can be read any more, save a chunk that waits for its reader: then the next `pull` has to call this again. */
  errorReader(error: SessionError): void {
    if (this.#reader?.desiredSize === 0) this.#reader.error(error);
  }

  /** Ends both with an error, unless they have ended. */
  error(error: SessionError): void {
    this.errorReader(error);
    this.errorWriter(error);
  }
}

/** The type of a chunk says so, but a web page may write anything; those of other realms (frames) are no `instanceof`. */
function isBytes(chunk: unknown): chunk is Uint8Array {
  return ArrayBuffer.isView(chunk) && Object.prototype.toString.call(chunk) === '[object Uint8Array]';
}
