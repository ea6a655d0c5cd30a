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
  #reader: ReadableByteStreamController | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #settle: { resolve: () => void; reject: (reason: unknown) => void } | undefined;
  #readToEnd = false;
  #finished = false;
  /** The session has ended, one way or the other. */
  #over = false;
  #ignoreSignal: () => void = () => undefined;

  /** @param number names the socket among those of this service. */
  constructor(service: TunnelService, number: number, options: ConnectOptions = {}) {
    const { allowHalfOpen = false, signal } = options;
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
      write: (bytes) => this.#write(bytes),
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
    const remoteAddress = valueOf(await this.#service.open(this.#number));
    void this.#awaitEnd();
    return { remoteAddress };
  }

  async #awaitEnd(): Promise<void> {
    const reply = await this.#service.ended(this.#number);
    try {
      valueOf(reply);
    } catch (error) {
      this.#end(error);
      return;
    }
    this.#over = true;
    this.#ignoreSignal();
    this.#settle?.resolve();
    this.#release();
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
    if (!this.#allowHalfOpen) this.#endWritable();
    this.#release();
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

  /** Only who has the writer can close the writable; then it is what is behind it that is closed. */
  #endWritable(): void {
    const { locked } = this.writable;
    const ended = locked ? this.#finish() : this.writable.close();
    // A reset shows elsewhere.
    ended.catch(() => undefined);
    if (locked) this.#writer?.error(upstreamEnded());
  }

  #heed(signal: AbortSignal): void {
    const abort = () => this.#giveUp(signal.reason);
    signal.addEventListener('abort', abort);
    this.#ignoreSignal = () => signal.removeEventListener('abort', abort);
  }

  #giveUp(reason: unknown): void {
    if (this.#over) return;
    this.#end(reason ?? new SessionError('aborted', 'us'));
    void this.#service.reset(this.#number);
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#ignoreSignal();
    this.#reader?.error(error);
    this.#writer?.error(error);
    this.#settle?.reject(error);
  }

  /** Once nothing more will be asked of the service, it can forget the socket. */
  #release(): void {
    if (this.#over && this.#readToEnd) void this.#service.reset(this.#number);
  }
}

function upstreamEnded(): TypeError {
  return new TypeError('The upstream has ended the connection. With allowHalfOpen one can go on writing.');
}
