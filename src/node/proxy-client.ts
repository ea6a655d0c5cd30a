import type { Socket } from 'node:net';

import { millisecondsOf, wholeNumberOf } from '../basics/options-check.js';
import type { ClientTraffic } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { ClientPool } from '../mixnet/pool.js';
import type { StartClient } from '../mixnet/succession.js';
import { PerConnectionDialer, SharedDialer, type Dialer, type DialerOptions } from '../proxy/dialer.js';
import { Connections } from '../proxy/connections.js';
import type { UpstreamConnection } from '../proxy/join.js';
import { envelopeOf, type Protocol } from '../proxy/protocol.js';
import type { ProxyEvents } from '../proxy/session-report.js';
import { serverAddresses, Servers, type ServerChange } from '../proxy/servers.js';
import type { ProxyCounts } from '../proxy/stats.js';
import { overLanes } from '../proxy/striped-dialer.js';
import { Tasks } from '../proxy/tasks.js';
import { TrafficTotal } from '../proxy/traffic-total.js';
import { wantsOf } from '../proxy/wants.js';
import { MAX_LANES } from '../wire/lane.js';
import type { Arrival, FrontOptions } from './fronts/arrivals.js';
import type { Refusal, WebPages } from './fronts/page-rules.js';
import { LocalListeners, type Forward, type Listening } from './local-listeners.js';
import { clientStarter, type MixnetOptions } from './mixnet-options.js';

/** Options of {@link NymProxyClient.create}. */
export interface NymProxyClientOptions extends MixnetOptions {
  /**
   * Nym address of the server. With several, all in front of the same service, new connections go to another when the
   * one in use does not take them; open ones stay where they are.
   */
  readonly serverAddress: string | readonly string[];
  /**
   * Whether new connections are spread over all server addresses, each to the one with the fewest of this client's, in
   * place of staying with one. False by default.
   */
  readonly balance?: boolean | undefined;
  /** Interface to listen on; 127.0.0.1 by default. Whoever can connect to it can use the tunnel. */
  readonly listenHost?: string | undefined;
  /** Port to listen on; 8080 by default, or none if there are `forwards`. 0 for any free one. */
  readonly listenPort?: number | undefined;
  /** More ports and Unix sockets to listen on, each for an upstream of its own; `[]` for none at all. */
  readonly forwards?: readonly Forward[] | undefined;
  /**
   * Whether applications may name the upstream themselves, by SOCKS5 or as to an HTTP proxy, where it listens: the host is
   * its name. Other connections lead to the listener's upstream.
   */
  readonly proxy?: boolean | undefined;
  /** Seconds of silence after which a connection that has sent everything stops waiting for a Rust server; 60 by default. */
  readonly closeTimeout?: number | undefined;
  /** Mixnet clients kept ready for new connections; 2 by default. */
  readonly poolSize?: number | undefined;
  /**
   * - `per-connection` (default): each TCP connection has a mixnet client of its own, so the server cannot link them.
   * - `shared`: one mixnet client for all; cheaper, but the server sees that they belong together.
   */
  readonly clients?: 'per-connection' | 'shared' | undefined;
  /**
   * What connections travel as: `tcp-proxy` (default), which every server understands, or `stream`, for servers that take
   * that too, as those of ours do by default.
   */
  readonly protocol?: Protocol | undefined;
  /** Access token, for a server that asks for one. */
  readonly token?: string | undefined;
  /** Name of the server's upstream; its default one unless given. */
  readonly upstream?: string | undefined;
  /**
   * Mixnet clients that carry each connection together, 1 to 16: as many times the bytes, where the CPU allows. 1 by
   * default; more need a server of ours. With `shared` clients, so many for all connections.
   */
  readonly lanes?: number | undefined;
  /**
   * Requests of other people's web pages are refused: any page in a browser on this machine can send some to the
   * listening port, which would reach the upstream, and link the page's visitor to the tunnel. Here is what may pass
   * nevertheless; `allow` lets everything pass.
   */
  readonly webPages?: WebPages | 'allow' | undefined;
  /** TCP connections at once; 256 by default. Further ones are closed at once. */
  readonly maxConnections?: number | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

/** The events of a {@link NymProxyClient}. */
export interface NymProxyClientEvents extends ProxyEvents {
  /** New connections go to another server now. */
  server: ServerChange;
  /** A request of somebody's web page was refused. */
  refusal: Refusal;
}

/** Events of the client itself, not of its connections. */
type OwnEvents = Pick<NymProxyClientEvents, 'retry' | 'recovery' | 'server' | 'refusal'>;

type ClientListeners = { readonly [E in keyof OwnEvents]: Listeners<OwnEvents[E]> };

const DEFAULT_LISTEN_PORT = 8080;
const DEFAULT_POOL_SIZE = 2;
const DEFAULT_MAX_CONNECTIONS = 256;

/**
 * Listens on a local TCP port and carries every connection through the mixnet to a server.
 *
 * ```ts
 * await using client = await NymProxyClient.create({ serverAddress, listenPort: 8080 });
 * await client.run();
 * ```
 */
export class NymProxyClient implements AsyncDisposable {
  readonly #local: LocalListeners;
  readonly #pool: ClientPool;
  readonly #servers: Servers;
  readonly #dialer: Dialer;
  readonly #listeners: ClientListeners;
  readonly #running = new Tasks();
  readonly #connections = new Connections('aborted');
  readonly #traffic = new TrafficTotal();
  #closing: Promise<void> | undefined;

  private constructor(
    local: LocalListeners,
    pool: ClientPool,
    servers: Servers,
    dialer: Dialer,
    listeners: ClientListeners,
  ) {
    this.#pool = pool;
    this.#local = local;
    this.#servers = servers;
    this.#dialer = dialer;
    this.#listeners = listeners;
    local.serveWith((socket, front) => this.#running.add(this.#carrySocket(socket, front)));
  }

  /**
   * Connects to the mixnet and starts to listen.
   *
   * @throws {WireError} if a server's address is not a Nym address.
   * @throws {RangeError} if there is no server's address, a number is out of its range, or the protocol, the token, the
   *   name of the upstream, or a host or origin of `webPages` is malformed.
   * @throws {MixnetClientError} if the network or gateway cannot be used.
   * @throws the operating system's error (`EADDRINUSE`, ...) if the port cannot be had.
   */
  static async create(options: NymProxyClientOptions): Promise<NymProxyClient> {
    const { closeTimeout } = options;
    const addresses = serverAddresses(options.serverAddress);
    const wants = wantsOf(options);
    const envelope = envelopeOf(options.protocol);
    wholeNumberOf('lanes', options.lanes ?? 1, { min: 1, max: MAX_LANES });
    const poolSize = wholeNumberOf('poolSize', options.poolSize ?? DEFAULT_POOL_SIZE);
    const maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    wholeNumberOf('maxConnections', maxConnections, { min: 1 });
    const listeners = newListeners();
    const local = await LocalListeners.listen({
      ...options,
      forwards: forwardsOf(options),
      maxConnections,
      onRefusal: (refusal) => listeners.refusal.call(refusal),
    });
    try {
      const start = await clientStarter(options, 'ephemeral');
      const servers = new Servers(addresses, {
        onChange: (change) => listeners.server.call(change),
        balance: options.balance,
      });
      const pool = await startPool({ ...options, poolSize }, start, listeners);
      const dialerOptions = {
        servers,
        envelope,
        wants,
        ...(closeTimeout !== undefined && { closeTimeoutMs: millisecondsOf('closeTimeout', closeTimeout) }),
      };
      const dialer = newDialer(options, pool, dialerOptions);
      return new NymProxyClient(local, pool, servers, dialer, listeners);
    } catch (error) {
      local.close();
      throw error;
    }
  }

  /** Where it listens: the first TCP port. */
  get listenAddress(): { readonly host: string; readonly port: number } {
    const [first] = this.listening.flatMap(({ host, port }) =>
      host === undefined || port === undefined ? [] : { host, port },
    );
    return first ?? { host: '', port: 0 };
  }

  /** Everywhere that it listens. */
  get listening(): readonly Listening[] {
    return this.#local.listening;
  }

  /** Nym address of the server that new connections go to. */
  get serverAddress(): string {
    return this.#servers.address;
  }

  /** The place of that server among those given, from 1. */
  get serverNumber(): number {
    return this.#servers.number;
  }

  /** What it has done since it was created. */
  get counts(): ProxyCounts {
    return this.#connections.counts;
  }

  /** Whether a connection would be carried at once. */
  get ready(): boolean {
    return this.#pool.ready > 0 || this.#dialer.carriers.some(({ client }) => client.state === 'ready');
  }

  /** SURBs that the servers have left for the connections of now, by our count. */
  get surbs(): number {
    return this.#dialer.carriers.reduce((sum, { surbs }) => sum + surbs, 0);
  }

  /** What its mixnet clients have carried so far, those kept ready included. Never rejects. */
  traffic(): Promise<ClientTraffic> {
    const carriers = this.#dialer.carriers.map(({ client }) => client);
    return this.#traffic.look([...new Set([...carriers, ...this.#pool.idle])]);
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof NymProxyClientEvents>(
    event: E,
    listener: (value: NymProxyClientEvents[E]) => void,
  ): () => void {
    if (event === 'session' || event === 'end' || event === 'error')
      return this.#connections.on(event as 'session', listener as (value: ProxyEvents['session']) => void);
    return this.#listeners[event as 'server'].add(listener as (value: ServerChange) => void);
  }

  /** Settles when `signal` has aborted, or {@link close} was called, and everything has ended. */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const onAbort = () => void this.close();
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort);
    await this.#local.ended;
    await this.#running.ended();
    await this.#closing;
    options.signal?.removeEventListener('abort', onAbort);
  }

  /** Stops listening; settles when the open connections have ended. Never rejects. */
  async drain(): Promise<void> {
    this.#local.stop();
    await this.#running.ended();
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
    this.#local.close();
    await this.#dialer.close();
    this.#connections.cut();
    await this.#running.ended();
  }

  /**
   * Carries a connection of the caller's, as those of a listener are carried. Settles when it has ended; never rejects:
   * the events tell what became of it.
   *
   * @param signal aborts when the connection is gone.
   * @param upstream name of the server's upstream; the client's own one unless given.
   */
  carry(connection: UpstreamConnection, signal: AbortSignal, upstream?: string): Promise<void> {
    const carried = this.#carry({ connection, upstream }, signal);
    this.#running.add(carried);
    return carried;
  }

  async #carrySocket(socket: Socket, front: FrontOptions): Promise<void> {
    const arrival = await this.#local.admit(socket, front);
    if (arrival === undefined) return;
    const gone = new AbortController();
    if (socket.destroyed) gone.abort();
    socket.on('close', () => gone.abort());
    await this.#carry(arrival, gone.signal);
  }

  async #carry({ connection: local, upstream }: Arrival, gone: AbortSignal): Promise<void> {
    try {
      const { connection } = await this.#dialer.dial(gone, { upstream });
      await this.#connections.carry(connection, { connect: () => Promise.resolve(local) });
    } catch (error) {
      local.reset();
      const reason = new Error('the connection could not be opened', { cause: error });
      this.#connections.failed(error instanceof Error ? error : reason);
    } finally {
      // A mixnet client of its own is about to be thrown away, and what it has sent with it.
      void this.traffic();
    }
  }
}

/** The port of the options, unless there are only others. */
function forwardsOf({ listenHost, listenPort, forwards }: NymProxyClientOptions): readonly Forward[] {
  const further = (forwards ?? []).map((forward) => ({ ...forward, host: forward.host ?? listenHost }));
  if (forwards !== undefined && listenPort === undefined) return further;
  return [{ host: listenHost, port: listenPort ?? DEFAULT_LISTEN_PORT }, ...further];
}

/** Shared clients have a dialer each; one dialer takes as many others as it needs. */
function newDialer(
  { clients, lanes = 1 }: NymProxyClientOptions,
  pool: ClientPool,
  options: DialerOptions,
): Dialer {
  if (clients === 'shared') {
    const shared = () => new SharedDialer(pool, options);
    return overLanes(lanes, options.servers, shared(), shared);
  }
  const each = new PerConnectionDialer(pool, options);
  return overLanes(lanes, options.servers, each, () => each);
}

function newListeners(): ClientListeners {
  return {
    retry: new Listeners(),
    recovery: new Listeners(),
    server: new Listeners(),
    refusal: new Listeners(),
  };
}

/** A pool whose first client has started, so that an unusable network shows at once and not with the first connection. */
async function startPool(
  options: NymProxyClientOptions & { readonly poolSize: number },
  start: StartClient,
  listeners: ClientListeners,
): Promise<ClientPool> {
  return new ClientPool({
    first: await start(options.signal),
    reserve: options.clients === 'shared' ? 0 : options.poolSize,
    start,
    onFailure: (error, retryMs) => listeners.retry.call({ error, retryMs }),
    onRecovery: (outageMs) => listeners.recovery.call({ outageMs }),
  });
}
