import type { ByteStreams } from '../proxy/join.js';
import type { TlsSession } from './engine.js';

/** How {@link SecureStreams} are made. */
export interface SecureStreamsOptions {
  /** Whether `writable` stays open when the server has ended its side; otherwise it is closed then. */
  readonly allowHalfOpen: boolean;
}

/** The plaintext of a TLS session as two byte streams, which may be used before its handshake is done. */
export class SecureStreams implements ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when both sides have ended with a close_notify; rejects with the first failure. */
  readonly ended: Promise<void>;
  /** Whether the server has ended its side with a close_notify. */
  serverEnded = false;

  readonly #session: Promise<TlsSession>;
  readonly #allowHalfOpen: boolean;
  #reader: ReadableByteStreamController | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #writing: Promise<void> | undefined;
  #ourEnd = false;
  #finished: Promise<void> | undefined;
  #failed: { readonly error: unknown } | undefined;
  #settle: { resolve: () => void; reject: (reason: unknown) => void } | undefined;

  constructor(session: Promise<TlsSession>, { allowHalfOpen }: SecureStreamsOptions) {
    this.#session = session;
    this.#allowHalfOpen = allowHalfOpen;
    this.ended = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ended.catch(() => undefined);
    this.readable = new ReadableStream({
      type: 'bytes',
      start: (controller) => void (this.#reader = controller),
      pull: (controller) => this.#orFail(this.#pull(controller)),
      cancel: (reason: unknown) => this.fail(reason),
    });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
        // The sink's own `abort` would only be called once the write under way has ended.
        controller.signal.addEventListener('abort', () => this.fail(controller.signal.reason));
      },
      write: (bytes) => (this.#writing = this.#write(bytes).finally(() => (this.#writing = undefined))),
      close: () => this.#finish(),
    });
    session.catch((error: unknown) => this.fail(error));
  }

  /** Gives both directions up. */
  fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = { error };
    this.#session.then(
      (session) => session.abort(error),
      () => undefined,
    );
    this.#reader?.error(error);
    this.#writer?.error(error);
    this.#settle?.reject(error);
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    const session = await this.#session;
    const bytes = await session.read();
    if (this.#failed) return;
    if (bytes) {
      controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
      return;
    }
    this.serverEnded = true;
    controller.close();
    // A reader that brought its own buffer waits for it.
    controller.byobRequest?.respond(0);
    if (!this.#allowHalfOpen) void this.#endWritable();
    this.#settleIfEnded();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // The type says so, but a web page may still write a string.
    if (!((bytes as unknown) instanceof Uint8Array)) {
      throw new TypeError('A socket carries Uint8Array chunks only; encode text with a TextEncoder.');
    }
    const session = await this.#session;
    await this.#orFail(session.write(bytes));
  }

  #finish(): Promise<void> {
    return (this.#finished ??= this.#orFail(this.#endSession()));
  }

  async #endSession(): Promise<void> {
    const session = await this.#session;
    try {
      await session.end();
    } catch (error) {
      // A server that has closed altogether need not hear of our end.
      if (!this.serverEnded) throw error;
    }
    this.#ourEnd = true;
    this.#settleIfEnded();
  }

  /** Only who has the writer can close the writable; then what is written is sent, and no more is taken. */
  async #endWritable(): Promise<void> {
    if (!this.writable.locked) {
      await this.writable.close().catch(() => undefined);
      return;
    }
    do {
      await this.#writing?.catch(() => undefined);
      // A write that waited in the stream has begun by then.
      await new Promise((resolve) => setTimeout(resolve));
    } while (this.#writing);
    await this.#finish().catch(() => undefined);
    this.#writer?.error(
      new TypeError('The server has ended the connection. With allowHalfOpen one can go on writing.'),
    );
  }

  #settleIfEnded(): void {
    if (this.serverEnded && this.#ourEnd) this.#settle?.resolve();
  }

  async #orFail<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }
}
