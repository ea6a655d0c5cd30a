import type { AddressInfo, Server, Socket } from 'node:net';

import type { ClientTraffic } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { ClientPool } from '../mixnet/pool.js';
import type { StartClient } from '../mixnet/succession.js';
import { PerConnectionDialer, SharedDialer, type Dialer } from '../proxy/dialer.js';
import { joinStreams } from '../proxy/join.js';
import { reportOf, type ProxyEvents } from '../proxy/session-report.js';
import { ProxyStats, type ProxyCounts } from '../proxy/stats.js';
import { Tasks } from '../proxy/tasks.js';
import { TrafficTotal } from '../proxy/traffic-total.js';
import { wantsOf } from '../proxy/wants.js';
import { SessionError } from '../session/errors.js';
import type { Session } from '../session/session.js';
import { parseNymAddress } from '../wire/nym-address.js';
import { EarlyListener } from './early-listener.js';
import { clientStarter, type MixnetOptions } from './mixnet-options.js';
import { millisecondsOf } from '../proxy/seconds.js';
import { streamsOf } from './tcp.js';

/** Options of {@link NymProxyClient.create}. */
export interface NymProxyClientOptions extends MixnetOptions {
  /** Nym address of the server. */
  readonly serverAddress: string;
  /** Interface to listen on; 127.0.0.1 by default. Whoever can connect to it can use the tunnel. */
  readonly listenHost?: string | undefined;
  /** Port to listen on; 8080 by default, 0 for any free one. */
  readonly listenPort?: number | undefined;
  /** Seconds of silence after which a connection that has sent everything stops waiting for a Rust server; 60 by default. */
  readonly closeTimeout?: number | undefined;
  /** Mixnet clients kept ready for new connections; 2 by default. */
  readonly poolSize?: number | undefined;
  /**
   * - `per-connection` (default): each TCP connection has a mixnet client of its own, so the server cannot link them.
   * - `shared`: one mixnet client for all; cheaper, but the server sees that they belong together.
   */
  readonly clients?: 'per-connection' | 'shared' | undefined;
  /** Access token, for a server that asks for one. */
  readonly token?: string | undefined;
  /** Name of the server's upstream; its default one unless given. */
  readonly upstream?: string | undefined;
  /** TCP connections at once; 256 by default. Further ones are closed at once. */
  readonly maxConnections?: number | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_LISTEN_HOST = '127.0.0.1';
const DEFAULT_LISTEN_PORT = 8080;
const DEFAULT_POOL_SIZE = 2;
const DEFAULT_MAX_CONNECTIONS = 256;

/**
 * Listens on a local TCP port and carries every connection through the mixnet to one server.
 *
 * ```ts
 * await using client = await NymProxyClient.create({ serverAddress, listenPort: 8080 });
 * await client.run();
 * ```
 */
export class NymProxyClient implements AsyncDisposable {
  readonly #listener: Server;
  readonly #pool: ClientPool;
  readonly #dialer: Dialer;
  readonly #listeners: { readonly [E in keyof ProxyEvents]: Listeners<ProxyEvents[E]> };
  readonly #running = new Tasks();
  readonly #stats = new ProxyStats();
  readonly #traffic = new TrafficTotal();
  readonly #ended: Promise<void>;
  /** One for each connection under way: a single signal would collect the listeners of all. */
  readonly #cuts = new Set<AbortController>();
  #connections = 0;
  #closing: Promise<void> | undefined;

  private constructor(
    listener: EarlyListener,
    pool: ClientPool,
    dialer: Dialer,
    retries: Listeners<ProxyEvents['retry']>,
  ) {
    this.#pool = pool;
    this.#listener = listener.server;
    this.#dialer = dialer;
    this.#listeners = {
      session: new Listeners(),
      end: new Listeners(),
      error: new Listeners(),
      retry: retries,
    };
    this.#ended = new Promise((resolve) => listener.server.once('close', resolve));
    listener.serveWith((socket) => this.#running.add(this.#carry(socket)));
  }

  /**
   * Connects to the mixnet and starts to listen.
   *
   * @throws {WireError} if the server's address is not a Nym address.
   * @throws {RangeError} if the token or the name of the upstream cannot be one.
   * @throws {MixnetClientError} if the network or gateway cannot be used.
   * @throws the operating system's error (`EADDRINUSE`, ...) if the port cannot be had.
   */
  static async create(options: NymProxyClientOptions): Promise<NymProxyClient> {
    const { serverAddress, closeTimeout } = options;
    parseNymAddress(serverAddress);
    const wants = wantsOf(options);
    const listener = await EarlyListener.listen(
      options.listenHost ?? DEFAULT_LISTEN_HOST,
      options.listenPort ?? DEFAULT_LISTEN_PORT,
      options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    );
    try {
      const start = await clientStarter(options, 'ephemeral');
      const retries = new Listeners<ProxyEvents['retry']>();
      const pool = await startPool(options, start, retries);
      const openerOptions = {
        recipient: serverAddress.trim(),
        wants,
        ...(closeTimeout !== undefined && { closeTimeoutMs: millisecondsOf('closeTimeout', closeTimeout) }),
      };
      const NewDialer = options.clients === 'shared' ? SharedDialer : PerConnectionDialer;
      return new NymProxyClient(listener, pool, new NewDialer(pool, openerOptions), retries);
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  /** Where it listens. */
  get listenAddress(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#listener.address() as AddressInfo;
    return { host: address, port };
  }

  /** What it has done since it was created. */
  get counts(): ProxyCounts {
    return this.#stats.counts;
  }

  /** Whether a connection would be carried at once. */
  get ready(): boolean {
    return this.#pool.ready > 0 || this.#dialer.carriers.some(({ client }) => client.state === 'ready');
  }

  /** SURBs that the server has left for the connections of now, by our count. */
  get surbs(): number {
    return this.#dialer.carriers.reduce((sum, { opener }) => sum + opener.surbs, 0);
  }

  /** What the mixnet clients that carry connections have carried so far. Never rejects. */
  traffic(): Promise<ClientTraffic> {
    return this.#traffic.look(this.#dialer.carriers.map(({ client }) => client));
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof ProxyEvents>(event: E, listener: (value: ProxyEvents[E]) => void): () => void {
    return this.#listeners[event].add(listener);
  }

  /** Settles when `signal` has aborted, or {@link close} was called, and everything has ended. */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const onAbort = () => void this.close();
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort);
    await this.#ended;
    await this.#closing;
    options.signal?.removeEventListener('abort', onAbort);
  }

  /** Stops listening, resets the open connections, tells the server, and leaves the mixnet. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#listener.close();
    await this.#dialer.close();
    // What an application has not taken by then, it will not get.
    for (const cut of this.#cuts) cut.abort();
    await this.#running.ended();
  }

  async #carry(socket: Socket): Promise<void> {
    this.#connections += 1;
    const number = this.#connections;
    const local = streamsOf(socket, 'aborted');
    const gone = new AbortController();
    socket.on('close', () => gone.abort());
    const cut = new AbortController();
    this.#cuts.add(cut);
    let session: Session | undefined;
    try {
      session = await this.#dialer.dial(gone.signal);
      this.#stats.opened(session);
      this.#listeners.session.call(reportOf(number));
      await joinStreams(session, local, cut.signal);
      await session.closed;
      this.#stats.ended(session);
      this.#listeners.end.call(reportOf(number, session));
    } catch (error) {
      socket.resetAndDestroy();
      const reason = error instanceof Error ? error : new Error('the connection broke', { cause: error });
      this.#stats.reset(session, reason instanceof SessionError ? reason.code : 'other');
      this.#listeners.error.call({ session: reportOf(number, session), error: reason });
    } finally {
      this.#cuts.delete(cut);
      // A mixnet client of its own is about to be thrown away, and what it has sent with it.
      void this.traffic();
    }
  }
}

/** A pool whose first client has started, so that an unusable network shows at once and not with the first connection. */
async function startPool(
  options: NymProxyClientOptions,
  start: StartClient,
  retries: Listeners<ProxyEvents['retry']>,
): Promise<ClientPool> {
  return new ClientPool({
    first: await start(options.signal),
    reserve: options.clients === 'shared' ? 0 : (options.poolSize ?? DEFAULT_POOL_SIZE),
    start,
    onFailure: (error, retryMs) => retries.call({ error, retryMs }),
  });
}
