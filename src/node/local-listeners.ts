import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

import { EarlyListener } from './early-listener.js';
import { Arrivals, type Arrival, type FrontOptions } from './fronts/arrivals.js';
import { PageRules, type Refusal, type WebPages } from './fronts/page-rules.js';

/** A TCP port or a Unix socket that a client listens on. */
export interface Forward {
  /** Interface of a TCP port; 127.0.0.1 unless given. Whoever can connect to it can use the tunnel. */
  readonly host?: string | undefined;
  /** TCP port, 0 for any free one. */
  readonly port?: number | undefined;
  /** Path of a Unix socket, in place of a port. Only this user may connect to it; web pages cannot. */
  readonly path?: string | undefined;
  /** Name of the server's upstream; the client's own one unless given. */
  readonly upstream?: string | undefined;
}

/** Where a client listens, and where connections to it lead. */
export interface Listening {
  /** `host:port`, or `unix:` and a path. */
  readonly at: string;
  /** The host of a TCP port. */
  readonly host?: string;
  readonly port?: number;
  readonly upstream?: string;
}

/** How a client listens. */
export interface ListenOptions {
  readonly forwards: readonly Forward[];
  readonly maxConnections: number;
  readonly webPages?: WebPages | 'allow' | undefined;
  readonly proxy?: boolean | undefined;
  readonly onRefusal: (refusal: Refusal) => void;
}

const DEFAULT_HOST = '127.0.0.1';

interface Local {
  readonly listener: EarlyListener;
  readonly front: FrontOptions;
}

/** The ports and sockets that a client listens on, and the connections that arrive there. */
export class LocalListeners {
  /** Settles when all of them and their connections are closed. */
  readonly ended: Promise<void>;
  /** Where they listen, in the order of the forwards. */
  readonly listening: readonly Listening[];
  readonly #locals: readonly Local[];
  readonly #arrivals: Arrivals;

  private constructor(locals: readonly Local[], arrivals: Arrivals) {
    this.#locals = locals;
    this.#arrivals = arrivals;
    this.listening = locals.map(listeningOf);
    this.ended = Promise.all(locals.map(({ listener }) => once(listener.server, 'close'))).then(
      () => undefined,
    );
  }

  /**
   * Listens at once, so that a busy port shows at once.
   *
   * @throws {RangeError} if a host or origin of `webPages` is malformed.
   * @throws the operating system's error if a port or socket is not available. Nothing listens then.
   */
  static async listen(options: ListenOptions): Promise<LocalListeners> {
    const { webPages, proxy = false, maxConnections } = options;
    const rules = webPages === 'allow' ? undefined : new PageRules(webPages ?? {});
    const locals: Local[] = [];
    try {
      for (const { host = DEFAULT_HOST, port = 0, path, upstream } of options.forwards) {
        const listener = await (path === undefined
          ? EarlyListener.listen(host, port, maxConnections)
          : EarlyListener.listenUnix(path, maxConnections));
        // Browsers do not connect to Unix sockets.
        locals.push({ listener, front: { rules: path === undefined ? rules : undefined, upstream, proxy } });
      }
      return new LocalListeners(locals, new Arrivals(options.onRefusal));
    } catch (error) {
      for (const { listener } of locals) listener.close();
      throw error;
    }
  }

  /** From now on `serve` gets every connection, first those that waited. */
  serveWith(serve: (socket: Socket, front: FrontOptions) => void): void {
    for (const { listener, front } of this.#locals) listener.serveWith((socket) => serve(socket, front));
  }

  /** As {@link Arrivals.admit}. */
  admit(socket: Socket, front: FrontOptions): Promise<Arrival | undefined> {
    return this.#arrivals.admit(socket, front);
  }

  /** Takes no more connections; those that are open stay. */
  stop(): void {
    for (const { listener } of this.#locals) listener.server.close();
  }

  /** Stops, and resets the connections that nobody carries yet. */
  close(): void {
    for (const { listener } of this.#locals) listener.close();
    this.#arrivals.close();
  }
}

function listeningOf({ listener, front: { upstream } }: Local): Listening {
  const address = listener.server.address() as AddressInfo | string;
  const named = upstream === undefined ? {} : { upstream };
  if (typeof address === 'string') return { at: `unix:${address}`, ...named };
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { at: `${host}:${address.port}`, host: address.address, port: address.port, ...named };
}
