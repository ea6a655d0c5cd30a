import type { Connect, TunnelSocket } from '../proxy/socket.js';
import { END_LIMIT_MS } from './limits.js';
import { connectionLost } from './errors.js';

/** A socket to the upstream, which carries one exchange after the other. */
export class UpstreamConnection {
  readonly tlsHost: string | undefined;
  readonly #socket: TunnelSocket;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** The read with which the connection is watched while it is idle. */
  #watching: Promise<Uint8Array | undefined> | undefined;
  #lastWrite: Promise<void> = Promise.resolve();

  /** @param tlsHost host that TLS is spoken with; `undefined` for none. */
  constructor(connect: Connect, tlsHost: string | undefined) {
    const secure = { secureTransport: 'on', sni: tlsHost, alpn: ['http/1.1'] } as const;
    const socket = tlsHost === undefined ? connect() : connect(secure);
    this.tlsHost = tlsHost;
    this.#socket = socket;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
    // What goes wrong with the socket shows where it is read or written.
    const promises = [
      socket.opened,
      socket.closed,
      this.#reader.closed,
      this.#writer.closed,
      this.#writer.ready,
    ];
    for (const promise of promises) promise.catch(() => undefined);
  }

  /**
   * The next bytes; `undefined` at the end, which {@link close} brings about at once.
   *
   * @throws {TunnelFetchError} `connection`.
   */
  read(): Promise<Uint8Array | undefined> {
    const read = this.#watching ?? this.#read();
    this.#watching = undefined;
    return read;
  }

  /** Calls back when anything arrives or the connection ends; the next {@link read} tells what. */
  watch(onStir: () => void): void {
    this.#watching = this.#read();
    this.#watching.then(onStir, onStir);
  }

  /**
   * Writes bytes; settles when more may follow.
   *
   * @throws {TunnelFetchError} `connection`.
   */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#writer.ready.catch(connectionLost);
    this.#lastWrite = this.#writer.write(bytes);
    this.#lastWrite.catch(() => undefined);
  }

  /**
   * Settles when the socket has taken all that was written.
   *
   * @throws {TunnelFetchError} `connection`.
   */
  async flushed(): Promise<void> {
    await this.#lastWrite.catch(connectionLost);
  }

  /** Ends the connection in peace; what the upstream still says is dropped. Settles when it has ended or was given up. */
  async end(): Promise<void> {
    const late = setTimeout(() => void this.close(undefined), END_LIMIT_MS);
    try {
      await this.#writer.close();
      while ((await this.read()) !== undefined);
      await this.#socket.closed;
    } catch {
      // It broke meanwhile, which comes to the same.
    } finally {
      clearTimeout(late);
      await this.close(undefined);
    }
  }

  /** Gives the connection up; whatever waits for it is let go at once. Settles when the socket has closed. */
  async close(reason: unknown): Promise<void> {
    await Promise.allSettled([
      this.#reader.cancel(reason),
      this.#writer.abort(reason),
      this.#socket.close(reason),
    ]);
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read().catch(connectionLost);
    return value;
  }
}
