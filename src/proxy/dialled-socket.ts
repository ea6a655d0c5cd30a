import { SessionError } from '../session/errors.js';
import type { Connection } from '../session/connection.js';
import type { Dialled } from './dialer.js';
import type { UpstreamConnection } from './join.js';
import type { ConnectOptions, SocketInfo, TunnelSocket } from './socket.js';

/** Bytes that are handed over at once; what is larger goes in several pieces, each of which waits for room. */
const MAX_WRITE = 64 * 1024;

/** What a {@link DialledSocket} is opened with. */
export interface DialledSocketOptions extends ConnectOptions {
  /** Opens the connection; gives up with the signal. */
  readonly dial: (signal: AbortSignal) => Promise<Dialled>;
  /** Carries bytes between the connection and the socket, until both have ended. Never rejects. */
  readonly carry: (connection: Connection, socket: UpstreamConnection) => Promise<void>;
}

/** A socket over a connection of this process. Nothing is read ahead but a piece in each direction. */
export class DialledSocket implements TunnelSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<SocketInfo>;
  readonly closed: Promise<void>;

  readonly #options: DialledSocketOptions;
  readonly #gaveUp = new AbortController();
  /** From the application, and to it. */
  readonly #up = breakable();
  readonly #down = breakable();
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #writable: WritableStreamDefaultController | undefined;
  #finished = false;
  /** The application has given the socket up. */
  #failure: SessionError | undefined;
  /** The connection was reset. */
  #lost: { readonly error: unknown } | undefined;
  /** The write under way. */
  #writing: Promise<void> | undefined;
  #settle: { resolve: () => void; reject: (reason: unknown) => void } | undefined;

  constructor(options: DialledSocketOptions) {
    this.#options = options;
    this.#reader = this.#down.stream.readable.getReader();
    this.#writer = this.#up.stream.writable.getWriter();
    for (const promise of [this.#reader.closed, this.#writer.ready]) quiet(promise);
    // What has come before is still to be read then, so the readable hears of it when it gets there.
    this.#writer.closed.catch((error: unknown) => this.#writable?.error(error));
    this.closed = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    quiet(this.closed);
    this.readable = new ReadableStream({
      type: 'bytes',
      pull: (controller) => this.#pull(controller),
      cancel: (reason: unknown) => this.#giveUp(reason),
    });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writable = controller;
        // The sink's own `abort` would only be called once the write under way has ended.
        controller.signal.addEventListener('abort', () => this.#giveUp(controller.signal.reason));
      },
      write: (bytes) => (this.#writing = this.#write(bytes).finally(() => (this.#writing = undefined))),
      close: () => this.#finish(),
    });
    this.opened = this.#open();
    quiet(this.opened);
  }

  close(reason?: unknown): Promise<void> {
    // Who closes without a reason does not ask for what was lost.
    if (reason === undefined) this.#settle?.resolve();
    this.#giveUp(reason);
    return this.closed;
  }

  async #open(): Promise<SocketInfo> {
    const { dial, carry, signal } = this.#options;
    const abort = () => this.#giveUp(signal?.reason);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    const ignore = () => signal?.removeEventListener('abort', abort);
    try {
      this.#gaveUp.signal.throwIfAborted();
      const { connection, server } = await dial(this.#gaveUp.signal);
      this.#gaveUp.signal.addEventListener('abort', () =>
        connection.reset(new SessionError('aborted', 'us')),
      );
      if (this.#gaveUp.signal.aborted) connection.reset(new SessionError('aborted', 'us'));
      connection.closed.then(
        () => this.#settle?.resolve(),
        (error: unknown) => {
          this.#lost = { error };
          this.#settle?.reject(error);
        },
      );
      void carry(connection, this.#otherSide()).finally(ignore);
      this.#gaveUp.signal.throwIfAborted();
      return { remoteAddress: server };
    } catch (error) {
      ignore();
      this.#break(error);
      throw error;
    }
  }

  #otherSide(): UpstreamConnection {
    const failure = () => this.#failure;
    const end = () => this.#break(this.#lost === undefined ? aborted() : this.#lost.error);
    return {
      readable: this.#up.stream.readable,
      writable: this.#down.stream.writable,
      get failure() {
        return failure();
      },
      // What was written has been taken by the application.
      fail: () => {
        end();
        return Promise.resolve();
      },
      reset: end,
    };
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    const { value } = await this.#reader.read();
    if (value !== undefined) {
      // What is enqueued is transferred, with all that shares its memory.
      controller.enqueue(value.slice());
      return;
    }
    controller.close();
    // A reader that brought its own buffer waits for it.
    controller.byobRequest?.respond(0);
    if (this.#options.allowHalfOpen !== true) void this.#endWritable();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // The type says so, but a program may still write a string.
    if (!((bytes as unknown) instanceof Uint8Array)) {
      throw new TypeError('A socket carries Uint8Array chunks only; encode text with a TextEncoder.');
    }
    for (let at = 0; at < bytes.length; at += MAX_WRITE) {
      await this.#writer.ready;
      await this.#writer.write(bytes.slice(at, at + MAX_WRITE));
    }
  }

  async #finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#writer.close();
  }

  /** Only who has the writer can close the writable; then what is written is sent, and no more is taken. */
  async #endWritable(): Promise<void> {
    if (!this.writable.locked) {
      // A reset shows elsewhere.
      await this.writable.close().catch(() => undefined);
      return;
    }
    do {
      await this.#writing?.catch(() => undefined);
      // A write that waited in the stream has begun by then.
      await new Promise((resolve) => setTimeout(resolve));
    } while (this.#writing);
    await this.#finish().catch(() => undefined);
    this.#writable?.error(
      new TypeError('The upstream has ended the connection. With allowHalfOpen one can go on writing.'),
    );
  }

  #giveUp(reason: unknown): void {
    const error = reason ?? aborted();
    this.#failure ??= aborted(reason);
    this.#break(error);
    this.#gaveUp.abort(error);
  }

  #break(error: unknown): void {
    this.#up.fail(error);
    this.#down.fail(error);
    this.#writable?.error(error);
    this.#settle?.reject(error);
  }
}

function aborted(cause?: unknown): SessionError {
  return new SessionError('aborted', 'us', undefined, { cause });
}

function quiet(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/** A stream that holds one piece, and can be broken off. */
function breakable(): {
  readonly stream: TransformStream<Uint8Array, Uint8Array>;
  readonly fail: (error: unknown) => void;
} {
  let controller: TransformStreamDefaultController<Uint8Array> | undefined;
  const stream = new TransformStream<Uint8Array, Uint8Array>({ start: (given) => void (controller = given) });
  return { stream, fail: (error) => controller?.error(error) };
}
