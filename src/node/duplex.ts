import { Agent } from 'node:http';
import { Duplex } from 'node:stream';

import type { ConnectOptions, TunnelSocket } from '../proxy/socket.js';

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Writer = WritableStreamDefaultWriter<Uint8Array>;

/**
 * A socket through the tunnel as a Node stream, with as much of `net.Socket` as clients of HTTP, WebSockets and
 * databases call. It connects by itself.
 */
export class TunnelDuplex extends Duplex {
  readonly #socket: TunnelSocket;
  readonly #reader: Reader;
  readonly #writer: Writer;
  #connecting = true;
  #timer: NodeJS.Timeout | undefined;
  #timeoutMs = 0;

  constructor(socket: TunnelSocket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
    for (const promise of [this.#reader.closed, this.#writer.closed, this.#writer.ready, socket.closed])
      promise.catch(() => undefined);
    socket.opened.then(
      () => {
        this.#connecting = false;
        this.emit('connect');
        this.emit('ready');
      },
      (error: unknown) => this.destroy(asError(error)),
    );
  }

  /** Whether no mixnet client carries it yet. What is written meanwhile waits. */
  get connecting(): boolean {
    return this.#connecting;
  }

  /** It connects by itself, wherever it is told to. */
  connect(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Emits `timeout` when nothing has come or gone for so long; 0 for never. */
  setTimeout(ms: number, onTimeout?: () => void): this {
    this.#timeoutMs = ms;
    if (onTimeout) this.once('timeout', onTimeout);
    this.#stir();
    return this;
  }

  override _read(): void {
    this.#reader.read().then(
      ({ value }) => {
        this.#stir();
        this.push(value ?? null);
      },
      (error: unknown) => this.destroy(asError(error)),
    );
  }

  override _write(bytes: Uint8Array, _: string, callback: (error?: Error) => void): void {
    this.#writer.write(bytes).then(
      () => {
        this.#stir();
        callback();
      },
      // An answer may still come, though the upstream takes no more.
      (error: unknown) => callback(asError(error)),
    );
  }

  override _final(callback: (error?: Error) => void): void {
    this.#writer.close().then(
      () => callback(),
      (error: unknown) => callback(asError(error)),
    );
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#timeoutMs = 0;
    // What has ended on both sides may still be on its way.
    if (error !== null || !this.readableEnded || !this.writableFinished)
      this.#socket.close(error ?? undefined).catch(() => undefined);
    callback(error);
  }

  #stir(): void {
    clearTimeout(this.#timer);
    if (this.#timeoutMs > 0) this.#timer = setTimeout(() => this.emit('timeout'), this.#timeoutMs).unref();
  }
}

/** Opens sockets for an agent, to the upstream that its URLs' hosts lead to. */
export type ConnectTo = (host: string, port: number, options: ConnectOptions) => TunnelDuplex;

/** An `http.Agent` whose connections go through the tunnel. */
export class TunnelAgent extends Agent {
  readonly #connect: ConnectTo;

  constructor(connect: ConnectTo) {
    super({ keepAlive: true, maxSockets: 6 });
    this.#connect = connect;
  }

  override createConnection(options: { host?: string | null; port?: number | string | null }): Duplex {
    return this.#connect(options.host ?? 'upstream', Number(options.port ?? 80), { allowHalfOpen: true });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the connection broke', { cause: error });
}
