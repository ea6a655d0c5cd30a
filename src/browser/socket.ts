import { transfer } from 'comlink';

import type { ConnectOptions, SocketInfo, TunnelSocket } from '../proxy/socket.js';
import { SessionError } from '../session/errors.js';
import { valueOf } from './failures.js';
import type { TunnelService } from './tunnel-service.js';

/** Bytes of one call to the service; what is larger goes in several, each of which waits for room. */
const MAX_WRITE = 64 * 1024;

/**
 * A socket whose session runs elsewhere: in this page's tunnel worker, or in that of another tab. Nothing is read
 * ahead; the session, with its window, is the only buffer.
 */
export class RemoteSocket implements TunnelSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<SocketInfo>;
  readonly closed: Promise<void>;

  readonly #service: TunnelService;
  readonly #number: number;
  readonly #allowHalfOpen: boolean;
  readonly #upstream: string | undefined;
  #reader: ReadableByteStreamController | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #settle: { resolve: () => void; reject: (reason: unknown) => void } | undefined;
  #readToEnd = false;
  #finished = false;
  /** The session has ended, one way or the other. */
  #over = false;
  #released = false;
  /** Why it was given up. */
  #reason: { readonly error: unknown } | undefined;
  /** The write under way. */
  #writing: Promise<void> | undefined;
  #ignoreSignal: () => void = () => undefined;

  /** @param number names the socket among those of this service. */
  constructor(service: TunnelService, number: number, options: ConnectOptions = {}) {
    const { allowHalfOpen = false, signal, upstream } = options;
    this.#upstream = upstream;
    this.#service = service;
    this.#number = number;
    this.#allowHalfOpen = allowHalfOpen;
    this.closed = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.closed.catch(() => undefined);
    this.readable = new ReadableStream({
      type: 'bytes',
      start: (controller) => void (this.#reader = controller),
      pull: (controller) => this.#pull(controller),
      cancel: (reason: unknown) => this.#giveUp(reason),
    });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
        // The sink's own `abort` would only be called once the write under way has ended.
        controller.signal.addEventListener('abort', () => this.#giveUp(controller.signal.reason));
      },
      write: (bytes) => (this.#writing = this.#write(bytes).finally(() => (this.#writing = undefined))),
      close: () => this.#finish(),
    });
    this.opened = signal?.aborted === true ? Promise.reject(signal.reason as Error) : this.#open();
    this.opened.catch((error: unknown) => this.#end(error));
    if (signal) this.#heed(signal);
  }

  close(reason?: unknown): Promise<void> {
    // Who closes without a reason does not ask for what was lost.
    if (reason === undefined) this.#settle?.resolve();
    this.#giveUp(reason);
    return this.closed;
  }

  async #open(): Promise<SocketInfo> {
    const reply = await this.#service.open(this.#number, this.#upstream);
    if (this.#reason) throw this.#reason.error;
    const remoteAddress = valueOf(reply);
    void this.#awaitEnd();
    return { remoteAddress };
  }

  async #awaitEnd(): Promise<void> {
    const reply = await this.#service.ended(this.#number);
    try {
      valueOf(reply);
    } catch (error) {
      this.#end(error);
      this.#release();
      return;
    }
    this.#over = true;
    this.#ignoreSignal();
    this.#settle?.resolve();
    if (this.#readToEnd) this.#release();
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    await this.opened;
    const bytes = valueOf(await this.#service.read(this.#number));
    if (bytes) {
      controller.enqueue(bytes);
      return;
    }
    this.#readToEnd = true;
    controller.close();
    // A reader that brought its own buffer waits for it.
    controller.byobRequest?.respond(0);
    if (!this.#allowHalfOpen) void this.#endWritable();
    if (this.#over) this.#release();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // The type says so, but a web page may still write a string.
    if (!((bytes as unknown) instanceof Uint8Array)) {
      throw new TypeError('A socket carries Uint8Array chunks only; encode text with a TextEncoder.');
    }
    await this.opened;
    for (let at = 0; at < bytes.length; at += MAX_WRITE) {
      const piece = bytes.slice(at, at + MAX_WRITE);
      valueOf(await this.#service.write(this.#number, transfer(piece, [piece.buffer])));
    }
  }

  async #finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.opened;
    valueOf(await this.#service.finish(this.#number));
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
    this.#writer?.error(upstreamEnded());
  }

  #heed(signal: AbortSignal): void {
    const abort = () => this.#giveUp(signal.reason);
    signal.addEventListener('abort', abort);
    this.#ignoreSignal = () => signal.removeEventListener('abort', abort);
  }

  #giveUp(reason: unknown): void {
    this.#end(reason ?? new SessionError('aborted', 'us'));
    this.#release();
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#reason = { error };
    this.#ignoreSignal();
    this.#reader?.error(error);
    this.#writer?.error(error);
    this.#settle?.reject(error);
  }

  /** Gives the session up if it has not ended; in any case, nothing more will be asked of it. */
  #release(): void {
    if (this.#released) return;
    this.#released = true;
    void this.#service.reset(this.#number);
  }
}

function upstreamEnded(): TypeError {
  return new TypeError('The upstream has ended the connection. With allowHalfOpen one can go on writing.');
}
