import type { Agent } from 'node:http';
import type { Socket } from 'node:net';

import { deferred } from '../basics/deferred.js';
import { oneOf, OptionError, wholeNumberOf } from '../basics/options-check.js';
import { DEFAULT_BASE_URL } from '../http/client.js';
import { UpstreamFetch } from '../http/upstream-fetch.js';
import type { ClientTraffic } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { ClientPool } from '../mixnet/pool.js';
import type { StartClient } from '../mixnet/succession.js';
import { DialledSocket } from '../proxy/dialled-socket.js';
import {
  PerConnectionDialer,
  SharedDialer,
  type Dialled,
  type Dialer,
  type DialerOptions,
} from '../proxy/dialer.js';
import { checkClientOptions, type CommonClientOptions } from '../proxy/client-options.js';
import { Connections } from '../proxy/connections.js';
import type { UpstreamConnection } from '../proxy/join.js';
import { envelopeOf } from '../proxy/protocol.js';
import type { ProxyEvents } from '../proxy/session-report.js';
import { serverAddresses, Servers, type ServerChange } from '../proxy/servers.js';
import type { ProxyCounts } from '../proxy/stats.js';
import { overLanes } from '../proxy/multi-lane-dialer.js';
import type { ConnectOptions, TunnelSocket } from '../proxy/socket.js';
import { Tasks } from '../proxy/tasks.js';
import { TrafficTotal } from '../proxy/traffic-total.js';
import { wantsOf } from '../proxy/wants.js';
import {
  tlsConnectOptions,
  withTls,
  type ClientSocket,
  type TlsConnectOptions,
  type TlsOptions,
} from '../tls/socket.js';
import { TunnelWebSocket } from '../websocket/index.js';
import { TunnelAgent, TunnelDuplex } from './duplex.js';
import type { Arrival, FrontOptions } from './fronts/arrivals.js';
import type { Refusal, WebPages } from './fronts/page-rules.js';
import { legacyHeader } from './legacy-header.js';
import { LocalListeners, type Forward, type Listening } from './local-listeners.js';
import { checkMixnetOptions, clientStarter, type MixnetOptions } from './mixnet-options.js';
import { NodeTlsEngine } from './tls.js';

/** Options of {@link NymProxyClient.create}; `clients` are `per-connection` and the `poolSize` is 2 unless given. */
export interface NymProxyClientOptions extends MixnetOptions, CommonClientOptions {
  /** Whom TLS with the upstream trusts (`https:`, `wss:`, `secureTransport`); Mozilla's roots unless given. */
  readonly tls?: TlsOptions | undefined;
  /** Port to listen on, 0 for any free one. Unless given, connections come from this program only. */
  readonly listenPort?: number | undefined;
  /** Interface to listen on; 127.0.0.1 by default. Whoever can connect to it can use the tunnel. */
  readonly listenHost?: string | undefined;
  /** More ports and Unix sockets to listen on, each for an upstream of its own. */
  readonly forwards?: readonly Forward[] | undefined;
  /**
   * Whether applications may name the upstream themselves, by SOCKS5 or as to an HTTP proxy, where it listens. A host
   * without a dot is an upstream's name. Other connections lead to the listener's upstream.
   */
  readonly proxy?: boolean | undefined;
  /**
   * Requests of other people's web pages are refused: any page in a browser on this machine can send some to the
   * listening port, which would reach the upstream, and link the page's visitor to the tunnel. Here is what may pass
   * nevertheless; `allow` lets everything pass.
   */
  readonly webPages?: WebPages | 'allow' | undefined;
  /**
   * Whether new connections are spread over all server addresses, each to the one with the fewest of this client's, in
   * place of staying with one. False by default.
   */
  readonly balance?: boolean | undefined;
  /** TCP connections to the port at once; 256 by default. Further ones are closed at once. */
  readonly maxConnections?: number | undefined;
  /** Sends the upstream as `UPSTREAM:host:port` and LF, the first bytes of each connection, as other servers want it. */
  readonly legacyUpstreamHeader?: boolean | undefined;
  /**
   * What the mixnet client is: `ephemeral`, another one each time, or kept in a directory, its keys encrypted with the
   * passphrase if there is one. Only a `shared` client can be kept. Default `ephemeral`.
   */
  readonly identity?: 'ephemeral' | { readonly configDir: string; readonly passphrase?: string } | undefined;
}

/** Every option, which the compiler checks. */
const OPTION_NAMES: Readonly<Record<keyof NymProxyClientOptions, true>> = {
  ...{ serverAddress: true, network: true, env: true, traffic: true, gateway: true, identity: true },
  ...{ clients: true, poolSize: true, lanes: true, token: true, protocol: true, upstream: true },
  ...{ upstreamByHost: true, legacyUpstreamHeader: true, baseUrl: true, closeTimeoutMs: true },
  ...{
    listenPort: true,
    listenHost: true,
    maxConnections: true,
    signal: true,
    forwards: true,
    proxy: true,
    webPages: true,
    balance: true,
    onLog: true,
    tls: true,
  },
};

const MAX_PORT = 65_535;

/** The events of a {@link NymProxyClient}. */
export interface NymProxyClientEvents extends ProxyEvents {
  /** New connections go to another server now. */
  server: ServerChange;
  /** A request of somebody's web page was refused. */
  refusal: Refusal;
}

/** Events of the client itself, not of its connections. */
type OwnEvents = Pick<NymProxyClientEvents, 'retry' | 'recovery' | 'server' | 'refusal'>;

const EVENTS: readonly (keyof NymProxyClientEvents)[] = [
  'session',
  'end',
  'error',
  'retry',
  'recovery',
  'server',
  'refusal',
];

type ClientListeners = { readonly [E in keyof OwnEvents]: Listeners<OwnEvents[E]> };

const DEFAULT_POOL_SIZE = 2;
const DEFAULT_MAX_CONNECTIONS = 256;

/**
 * Connections through the mixnet, to a server and the TCP services behind it.
 *
 * ```ts
 * await using client = await NymProxyClient.create({ serverAddress });
 * const response = await client.fetch('/');
 * ```
 *
 * With a `listenPort` it also carries every connection to that port:
 *
 * ```ts
 * await using client = await NymProxyClient.create({ serverAddress, listenPort: 8080 });
 * await client.run();
 * ```
 */
export class NymProxyClient implements AsyncDisposable {
  readonly #local: LocalListeners;
  readonly #options: Calls;
  readonly #http: UpstreamFetch;
  readonly #open: (options?: ConnectOptions) => ClientSocket;
  readonly #pool: ClientPool;
  readonly #servers: Servers;
  readonly #dialer: Dialer;
  readonly #listeners: ClientListeners;
  readonly #running = new Tasks();
  readonly #connections = new Connections('aborted');
  readonly #traffic = new TrafficTotal();
  readonly #ended = deferred();
  #closing: Promise<void> | undefined;

  private constructor(
    options: Calls,
    tls: TlsConnectOptions,
    local: LocalListeners,
    pool: ClientPool,
    servers: Servers,
    dialer: Dialer,
    listeners: ClientListeners,
  ) {
    this.#pool = pool;
    this.#options = options;
    this.#local = local;
    this.#servers = servers;
    this.#dialer = dialer;
    this.#listeners = listeners;
    this.#open = withTls((given = {}) => this.#dialled(given), tls);
    const { baseUrl = DEFAULT_BASE_URL, upstreamByHost } = options;
    this.#http = new UpstreamFetch({ connect: (given) => this.connect(given), baseUrl, upstreamByHost });
    if (local.listening.length > 0) void local.ended.then(() => this.#ended.resolve());
    local.serveWith((socket, front) => this.#running.add(this.#carrySocket(socket, front)));
  }

  /**
   * Connects to the mixnet, and starts to listen if there is a `listenPort`.
   *
   * @throws {WireError} if a server's address is not a Nym address.
   * @throws {RangeError} if there is no server's address, a number is out of its range, or the protocol, the token or
   *   the name of the upstream cannot be one.
   * @throws {MixnetClientError} if the network or gateway cannot be used.
   * @throws the operating system's error (`EADDRINUSE`, ...) if the port cannot be had.
   */
  static async create(options: NymProxyClientOptions): Promise<NymProxyClient> {
    checkClientOptions(options, Object.keys(OPTION_NAMES));
    checkMixnetOptions(options);
    const { closeTimeoutMs, listenPort, identity = 'ephemeral' } = options;
    if (listenPort !== undefined) wholeNumberOf('listenPort', listenPort, { max: MAX_PORT });
    if (identity !== 'ephemeral' && options.clients !== 'shared')
      throw new OptionError("identity needs clients: 'shared'; others are thrown away after each connection");
    const tls = tlsConnectOptions(options.tls, (roots) => new NodeTlsEngine(roots));
    const wants = wantsOf(options);
    const addresses = serverAddresses(options.serverAddress);
    const envelope = envelopeOf(options.protocol);
    const poolSize = options.poolSize ?? DEFAULT_POOL_SIZE;
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
      const start = await clientStarter(options, identity);
      const startLane = await clientStarter(options, 'ephemeral');
      const servers = new Servers(addresses, {
        onChange: (change) => listeners.server.call(change),
        balance: options.balance,
      });
      const pool = await startPool({ ...options, poolSize }, start, listeners);
      const dialerOptions = {
        servers,
        envelope,
        // A server that wants the header does not know of ours.
        wants: options.legacyUpstreamHeader === true ? undefined : wants,
        closeTimeoutMs,
      };
      const dialer = newDialer(options, pool, startLane, dialerOptions);
      return new NymProxyClient(options, tls, local, pool, servers, dialer, listeners);
    } catch (error) {
      local.close();
      throw error;
    }
  }

  /**
   * Opens a connection to the upstream, over TLS if `secureTransport` asks for it. What goes wrong shows at the socket:
   * what is wrong with a certificate as a {@link TlsError}.
   *
   * @throws {RangeError} if `options.upstream` cannot be one.
   */
  connect(options: ConnectOptions = {}): ClientSocket {
    upstreamOf(options.upstream ?? this.#options.upstream);
    return this.#open(options);
  }

  /**
   * `fetch` from the upstream: see `docs/fetch.md`. `nym://name/path` is asked of the server's upstream of that name.
   *
   * @throws {TunnelFetchError} as `fetch` does a `TypeError`.
   * @throws the signal's reason.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    return this.#http.fetch(input, init);
  }

  /**
   * A WebSocket to the upstream.
   *
   * @throws {DOMException} `SyntaxError`, as `WebSocket` does, if the URL or a protocol is wrong.
   */
  webSocket(url: string | URL, protocols?: string | string[]): WebSocket {
    const { baseUrl = DEFAULT_BASE_URL } = this.#options;
    const absolute = URL.canParse(url, baseUrl) ? new URL(url, baseUrl) : undefined;
    if (absolute === undefined) return new TunnelWebSocket((given) => this.connect(given), url, protocols);
    const { upstream, url: target } = this.#http.destinationOf(absolute);
    return new TunnelWebSocket((given) => this.connect({ ...given, upstream }), target, protocols);
  }

  /**
   * A connection as a Node stream, for clients that take a socket or a function that makes one.
   *
   * ```ts
   * const database = new pg.Client({ stream: () => client.duplex() });
   * ```
   *
   * @throws {RangeError} as {@link connect}.
   */
  duplex(options: ConnectOptions = {}): TunnelDuplex {
    return new TunnelDuplex(this.connect({ allowHalfOpen: true, ...options }));
  }

  /**
   * An `http.Agent`, for `http.request`, `ws` and others that take one. Its sockets are kept and used again; `destroy()`
   * closes them.
   *
   * ```ts
   * const socket = new WebSocket('ws://upstream/', { agent: client.agent() });
   * ```
   */
  agent(): Agent {
    return new TunnelAgent((host, port, options) => this.#duplexTo(host, port, options));
  }

  /**
   * What `undici` opens its sockets with, so that `fetch(url, { dispatcher })` goes through the tunnel; for `http:` URLs.
   *
   * ```ts
   * const dispatcher = new undici.Agent({ connect: client.connector() });
   * ```
   */
  connector(): (
    target: { readonly hostname: string; readonly port: string; readonly protocol?: string },
    callback: (...args: never) => void,
  ) => void {
    return ({ hostname, port, protocol }, callback) => {
      // Typed for a `net.Socket`; the stream has of that what undici uses.
      const settle = callback as (error: Error | null, socket: TunnelDuplex | null) => void;
      if (protocol === 'https:') {
        settle(new OptionError('the connector is for http: URLs only'), null);
        return;
      }
      const socket = this.#duplexTo(hostname, Number(port === '' ? 80 : port), { allowHalfOpen: true });
      const onError = (error: Error) => settle(error, null);
      socket.once('error', onError).once('connect', () => {
        socket.off('error', onError);
        settle(null, socket);
      });
    };
  }

  #duplexTo(host: string, port: number, options: ConnectOptions): TunnelDuplex {
    const upstream = this.#options.upstreamByHost === true ? `${host}:${port}` : undefined;
    return this.duplex({ ...options, ...(upstream !== undefined && { upstream }) });
  }

  /** Opens a connection, and says where it leads in the way that the server understands. */
  async #dial(signal: AbortSignal, upstream: string | undefined): Promise<Dialled> {
    if (this.#options.legacyUpstreamHeader !== true) return this.#dialer.dial(signal, { upstream });
    const dialled = await this.#dialer.dial(signal);
    if (upstream === undefined) return dialled;
    const writer = dialled.connection.writable.getWriter();
    // A reset shows at the connection.
    writer.write(legacyHeader(upstream)).catch(() => undefined);
    writer.releaseLock();
    return dialled;
  }

  /**
   * Where it listens: the first TCP port.
   *
   * @throws {RangeError} if it does not listen.
   */
  get listenAddress(): { readonly host: string; readonly port: number } {
    for (const { host, port } of this.listening)
      if (host !== undefined && port !== undefined) return { host, port };
    throw new OptionError('this client listens on no port; give a listenPort when it is created');
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
    oneOf('event', event, EVENTS);
    if (event === 'session' || event === 'end' || event === 'error')
      return this.#connections.on(event as 'session', listener as (value: ProxyEvents['session']) => void);
    return this.#listeners[event as 'server'].add(listener as (value: ServerChange) => void);
  }

  /** Settles when `signal` has aborted, or {@link close} was called, and everything has ended. */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const onAbort = () => void this.close();
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort);
    await this.#ended.promise;
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
    const fetches = this.#http.close();
    await this.#dialer.close();
    this.#connections.cut();
    await Promise.all([fetches, this.#running.ended()]);
    if (this.#local.listening.length === 0) this.#ended.resolve();
  }

  #dialled(options: ConnectOptions): TunnelSocket {
    const upstream = upstreamOf(options.upstream ?? this.#options.upstream);
    return new DialledSocket({
      ...options,
      dial: async (signal) => {
        try {
          return await this.#dial(signal, upstream);
        } catch (error) {
          this.#connections.failed(
            error instanceof Error ? error : new Error('no connection', { cause: error }),
          );
          throw error;
        }
      },
      carry: (connection, socket) => {
        const carried = this.#connections.carry(connection, { connect: () => Promise.resolve(socket) });
        this.#running.add(carried);
        return carried.finally(() => void this.traffic());
      },
    });
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
      const { connection } = await this.#dial(gone, upstream ?? this.#options.upstream);
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

/** The options that matter for single connections. */
type Calls = Pick<NymProxyClientOptions, 'baseUrl' | 'upstreamByHost' | 'legacyUpstreamHeader' | 'upstream'>;

function upstreamOf(upstream: string | undefined): string | undefined {
  return wantsOf({ upstream })?.upstream;
}

/** The port of the options, and the others. */
function forwardsOf({ listenHost, listenPort, forwards = [] }: NymProxyClientOptions): readonly Forward[] {
  const further = forwards.map((forward) => ({ ...forward, host: forward.host ?? listenHost }));
  return listenPort === undefined ? further : [{ host: listenHost, port: listenPort }, ...further];
}

/** Shared clients have a dialer each; one dialer takes as many others as it needs. */
function newDialer(
  { clients, lanes = 1 }: NymProxyClientOptions,
  pool: ClientPool,
  startLane: StartClient,
  options: DialerOptions,
): Dialer {
  if (clients === 'shared') {
    const lane = () => new SharedDialer(new ClientPool({ reserve: 0, start: startLane }), options);
    return overLanes(lanes, options.servers, new SharedDialer(pool, options), lane);
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
