import { DEFAULT_BASE_URL, HttpClient, tunnelUrl } from '../http/index.js';
import type { PersistentIdentity } from '../mixnet/browser/index.js';
import { Listeners } from '../mixnet/listeners.js';
import { MAINNET, type Network } from '../mixnet/network.js';
import type { TrafficProfile } from '../mixnet/options.js';
import type { StartStep } from '../mixnet/start.js';
import { envelopeOf, type Protocol } from '../proxy/protocol.js';
import { serverAddresses } from '../proxy/servers.js';
import type { ConnectOptions, TunnelSocket } from '../proxy/socket.js';
import { wantsOf } from '../proxy/wants.js';
import { MAX_TIMER_MS, millisecondsOf, wholeNumberOf } from '../basics/options-check.js';
import { MAX_LANES } from '../wire/lane.js';
import { TunnelWebSocket } from '../websocket/index.js';
import { valueOf } from './failures.js';
import { RemoteSocket } from './socket.js';
import { startTunnelWorker, type TunnelLink } from './tunnel-link.js';
import { followStates } from './tunnel-service.js';
import type { TunnelSnapshot, TunnelState } from './tunnel-state.js';
import type { TunnelOptions } from './tunnel.js';

/** A step of a start and when it was reached. */
export interface StartProgress {
  /**
   * - `wasm`: the official client is compiled, and a gateway is chosen.
   * - `keys`: its keys are loaded or made.
   * - `gateway`: the gateway has answered.
   * - `ready`: connections can be opened. The only one if another tab is connected already.
   */
  readonly step: StartStep | 'ready';
  /** Since the start began. */
  readonly ms: number;
}

/** Options of {@link NymProxyClient.create}. */
export interface NymProxyClientOptions {
  /**
   * Nym address of the server. With several, all in front of the same service, new connections go to another when the
   * one in use does not take them; open ones stay where they are.
   */
  readonly serverAddress: string | readonly string[];
  /** Default **mainnet**. */
  readonly network?: Network | undefined;
  /**
   * Default: an identity that is kept in the browser, under the client id `nym-tcp-proxy`. Tabs with the same client id
   * share one mixnet client. `ephemeral` is another Nym address at each start, for this page alone.
   */
  readonly identity?: 'ephemeral' | PersistentIdentity | undefined;
  /**
   * - `shared` (default): one mixnet client for all connections; the server sees that they belong together.
   * - `per-connection`: each connection has an ephemeral mixnet client of its own, so the server cannot link them. Each
   *   takes about 20 MB and, with default traffic, a third of a core. Nothing is shared with other tabs then.
   */
  readonly clients?: 'shared' | 'per-connection' | undefined;
  /** Mixnet clients kept ready, with a client per connection; 1 by default. */
  readonly poolSize?: number | undefined;
  /**
   * Mixnet clients that carry each connection together, 1 to 16: as many times the bytes, where the CPU allows. 1 by
   * default; more need a server of ours. With `shared` clients, so many for all connections, of which the first has the
   * identity.
   */
  readonly lanes?: number | undefined;
  /** Traffic profile; `default` unless given. */
  readonly traffic?: TrafficProfile | undefined;
  /** Base58 identity of the gateway for a new identity; by default one is drawn. */
  readonly gateway?: string | undefined;
  /** Access token, for a server that asks for one. */
  readonly token?: string | undefined;
  /** What connections travel as: `tcp-proxy` (default), or `stream` for servers that take that too, as ours do. */
  readonly protocol?: Protocol | undefined;
  /** Name of the server's upstream; its default one unless given. */
  readonly upstream?: string | undefined;
  /** Seconds of silence after which a connection that has sent everything stops waiting for a Rust server; 60 by default. */
  readonly closeTimeout?: number | undefined;
  /** Default 60 000. */
  readonly startTimeoutMs?: number | undefined;
  /** What relative URLs are relative to; its host is what the upstream sees as `Host`. Default `http://upstream/`. */
  readonly baseUrl?: string | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each step of the start. */
  readonly onProgress?: ((progress: StartProgress) => void) | undefined;
  /** Gets what the official client writes to its console. */
  readonly onLog?: ((line: string) => void) | undefined;
}

const DEFAULT_POOL_SIZE = 1;

/**
 * Connections of a web page through the mixnet, to a server and the TCP service behind it.
 *
 * ```ts
 * const client = await NymProxyClient.create({ serverAddress });
 * const response = await client.fetch('/');
 * ```
 */
export class NymProxyClient implements AsyncDisposable {
  readonly #link: TunnelLink;
  readonly #http: HttpClient;
  readonly #baseUrl: string;
  readonly #listeners = { state: new Listeners<TunnelState>() };
  #nymAddress: string;
  #sockets = 0;
  #closed: Promise<void> | undefined;

  private constructor(link: TunnelLink, baseUrl: string, nymAddress: string, seen: number) {
    this.#link = link;
    this.#baseUrl = baseUrl;
    this.#nymAddress = nymAddress;
    this.#http = new HttpClient({ connect: (options) => this.connect(options), baseUrl });
    void this.#followStates(seen);
  }

  /**
   * Connects to the mixnet, or to the tab of this site that already is.
   *
   * @throws {WireError} if a server's address is not a Nym address.
   * @throws {RangeError} if there is none, or another option is out of its range.
   * @throws {MixnetClientError} if the network, gateway, identity or browser cannot be used.
   * @throws the signal's reason.
   */
  static async create(options: NymProxyClientOptions): Promise<NymProxyClient> {
    const { onProgress = () => undefined, onLog = () => undefined, baseUrl = DEFAULT_BASE_URL } = options;
    checkBaseUrl(baseUrl);
    const tunnel = tunnelOptions(options);
    const startedAt = performance.now();
    let isReady = false;
    const reached = (step: StartProgress['step']) => {
      // A mixnet client that is started later, for another, is no step of this start.
      if (isReady) return;
      isReady = step === 'ready';
      onProgress({ step, ms: performance.now() - startedAt });
    };
    const link = await startTunnelWorker(tunnel, { onProgress: reached, onLog }, options.signal);
    try {
      const { number, state } = valueOf(await link.service.nextState(0));
      reached('ready');
      return new NymProxyClient(link, baseUrl, state.state === 'ready' ? state.nymAddress : '', number);
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Own Nym address, which the server never learns; with a client per connection, of the one that started last. */
  get nymAddress(): string {
    return this.#nymAddress;
  }

  /** Opens a connection to the upstream. What goes wrong shows at the socket. */
  connect(options?: ConnectOptions): TunnelSocket {
    this.#sockets += 1;
    return new RemoteSocket(this.#link.service, this.#sockets, options);
  }

  /**
   * `fetch` from the upstream: see {@link HttpClient.fetch}.
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
    const absolute = URL.canParse(url, this.#baseUrl) ? new URL(url, this.#baseUrl) : url;
    return new TunnelWebSocket((options) => this.connect(options), absolute, protocols);
  }

  /**
   * A look at the tunnel; cheap enough for twice a second.
   *
   * @throws {MixnetClientError} `state` if the client is closed.
   */
  async inspect(): Promise<TunnelSnapshot> {
    return valueOf(await this.#link.service.inspect());
  }

  /** Calls `listener` whenever the tunnel gets ready or starts waiting, until the returned function is called. */
  on(event: 'state', listener: (state: TunnelState) => void): () => void {
    return this.#listeners[event].add(listener);
  }

  /**
   * Resets this page's connections and leaves the mixnet, unless it is another tab that is connected. Other tabs that
   * used this one's connection get one of their own. Never rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // The link's end settles what a worker that hangs would not.
    await Promise.all([this.#http.close(), this.#link.close()]);
  }

  async #followStates(seen: number): Promise<void> {
    const { message } = await followStates(this.#link.service, seen, (state) => {
      if (state.state === 'ready') this.#nymAddress = state.nymAddress;
      this.#listeners.state.call(state);
    });
    // Closed by this page, or crashed.
    if (!this.#closed) {
      this.#listeners.state.call({ state: 'waiting', reason: message, retryMs: undefined });
    }
  }
}

/** The options as plain data, since functions and signals do not cross into a worker. */
function tunnelOptions(options: NymProxyClientOptions): TunnelOptions {
  const { identity = {}, clients = 'shared', poolSize = DEFAULT_POOL_SIZE, lanes = 1 } = options;
  const { startTimeoutMs, protocol } = options;
  envelopeOf(protocol);
  wholeNumberOf('poolSize', poolSize);
  wholeNumberOf('lanes', lanes, { min: 1, max: MAX_LANES });
  if (startTimeoutMs !== undefined)
    wholeNumberOf('startTimeoutMs', startTimeoutMs, { min: 1, max: MAX_TIMER_MS });
  return {
    serverAddresses: serverAddresses(options.serverAddress),
    network: options.network ?? MAINNET,
    identity,
    clients,
    poolSize,
    lanes,
    traffic: options.traffic,
    gateway: options.gateway,
    protocol,
    wants: wantsOf(options),
    closeTimeoutMs:
      options.closeTimeout === undefined ? undefined : millisecondsOf('closeTimeout', options.closeTimeout),
    startTimeoutMs,
  };
}

function checkBaseUrl(baseUrl: string): void {
  try {
    tunnelUrl(baseUrl);
  } catch (cause) {
    throw new RangeError(`baseUrl must be an absolute http: URL without a user name, not "${baseUrl}".`, {
      cause,
    });
  }
}
