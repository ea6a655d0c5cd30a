import { MAX_TIMER_MS, oneOf, OptionError, wholeNumberOf } from '../basics/options-check.js';
import { DEFAULT_BASE_URL, tunnelUrl } from '../http/index.js';
import { UpstreamFetch } from '../http/upstream-fetch.js';
import type { PersistentIdentity } from '../mixnet/browser/index.js';
import { Listeners } from '../mixnet/listeners.js';
import { MAINNET, type Network } from '../mixnet/network.js';
import type { StartStep } from '../mixnet/start.js';
import { checkClientOptions, type CommonClientOptions } from '../proxy/client-options.js';
import { serverAddresses } from '../proxy/servers.js';
import type { ConnectOptions } from '../proxy/socket.js';
import { wantsOf } from '../proxy/wants.js';
import type { TrustedRoots } from '../tls/certificates.js';
import type { TlsEngine } from '../tls/engine.js';
import {
  tlsConnectOptions,
  withTls,
  type ClientSocket,
  type TlsConnectOptions,
  type TlsOptions,
} from '../tls/socket.js';
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

/**
 * Options of {@link NymProxyClient.create}; `clients` are `shared` and the `poolSize` is 1 unless given: each client takes
 * about 20 MB and, with default traffic, a third of a core. With a client per connection, nothing is shared with other
 * tabs.
 */
export interface NymProxyClientOptions extends CommonClientOptions {
  /** Default **mainnet**. */
  readonly network?: Network | undefined;
  /**
   * Default: an identity that is kept in the browser, under the client id `nym-tcp-proxy`. Tabs with the same client id
   * share one mixnet client. `ephemeral` is another Nym address at each start, for this page alone. Of several `lanes`,
   * the first has the identity.
   */
  readonly identity?: 'ephemeral' | PersistentIdentity | undefined;
  /** Default 60,000. */
  readonly startTimeoutMs?: number | undefined;
  /** Whom TLS with the upstream trusts (`https:`, `wss:`, `secureTransport`); Mozilla's roots unless given. */
  readonly tls?: TlsOptions | undefined;
  /** Told of each step of the start. */
  readonly onProgress?: ((progress: StartProgress) => void) | undefined;
}

/** Every option, which the compiler checks. */
const OPTION_NAMES: Readonly<Record<keyof NymProxyClientOptions, true>> = {
  ...{ serverAddress: true, network: true, traffic: true, gateway: true, identity: true, clients: true },
  ...{ poolSize: true, lanes: true, token: true, protocol: true, upstream: true, upstreamByHost: true },
  ...{
    baseUrl: true,
    tls: true,
    closeTimeoutMs: true,
    startTimeoutMs: true,
    onProgress: true,
    signal: true,
    onLog: true,
  },
};

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
  readonly #http: UpstreamFetch;
  readonly #open: (options?: ConnectOptions) => ClientSocket;
  readonly #baseUrl: string;
  readonly #listeners = { state: new Listeners<TunnelState>() };
  #nymAddress: string;
  #sockets = 0;
  #closed: Promise<void> | undefined;

  private constructor(
    link: TunnelLink,
    { baseUrl = DEFAULT_BASE_URL, upstreamByHost }: NymProxyClientOptions,
    tls: TlsConnectOptions,
    nymAddress: string,
    seen: number,
  ) {
    this.#link = link;
    this.#baseUrl = baseUrl;
    this.#nymAddress = nymAddress;
    this.#open = withTls((options) => {
      this.#sockets += 1;
      return new RemoteSocket(link.service, this.#sockets, options ?? {});
    }, tls);
    this.#http = new UpstreamFetch({ connect: (options) => this.connect(options), baseUrl, upstreamByHost });
    void this.#followStates(seen);
  }

  /**
   * Connects to the mixnet, or to the tab of this site that already is.
   *
   * @throws {WireError} if a server's address is not a Nym address.
   * @throws {RangeError} if there is none, or another option is out of its range.
   * @throws {TlsError} `options` if a root for TLS is no certificate.
   * @throws {MixnetClientError} if the network, gateway, identity or browser cannot be used.
   * @throws the signal's reason.
   */
  static async create(options: NymProxyClientOptions): Promise<NymProxyClient> {
    checkClientOptions(options, Object.keys(OPTION_NAMES));
    const { onProgress = () => undefined, onLog = () => undefined, baseUrl = DEFAULT_BASE_URL } = options;
    checkBaseUrl(baseUrl);
    const tunnel = tunnelOptions(options);
    const tls = tlsConnectOptions(options.tls, startTls);
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
      const nymAddress = state.state === 'ready' ? state.nymAddress : '';
      return new NymProxyClient(link, options, tls, nymAddress, number);
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Own Nym address, which the server never learns; with a client per connection, of the one that started last. */
  get nymAddress(): string {
    return this.#nymAddress;
  }

  /**
   * Opens a connection to the upstream, over TLS if `secureTransport` asks for it. What goes wrong shows at the socket:
   * what is wrong with a certificate as a {@link TlsError}.
   *
   * @throws {RangeError} if `options.upstream` cannot be one.
   */
  connect(options: ConnectOptions = {}): ClientSocket {
    wantsOf({ upstream: options.upstream });
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
    const absolute = URL.canParse(url, this.#baseUrl) ? new URL(url, this.#baseUrl) : undefined;
    if (absolute === undefined)
      return new TunnelWebSocket((options) => this.connect(options), url, protocols);
    const { upstream, url: target } = this.#http.destinationOf(absolute);
    return new TunnelWebSocket((options) => this.connect({ ...options, upstream }), target, protocols);
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
    oneOf('event', event, ['state']);
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

/** Loaded when it is first needed: a page that speaks no TLS does not load it. */
async function startTls(roots: TrustedRoots): Promise<TlsEngine> {
  const tls = await import('./tls-engine.js');
  return tls.startTls(roots);
}

/** The options as plain data, since functions and signals do not cross into a worker. */
function tunnelOptions(options: NymProxyClientOptions): TunnelOptions {
  const { identity = {}, clients = 'shared', poolSize = DEFAULT_POOL_SIZE, lanes = 1 } = options;
  const { startTimeoutMs, protocol, closeTimeoutMs } = options;
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
    closeTimeoutMs,
    startTimeoutMs,
  };
}

function checkBaseUrl(baseUrl: string): void {
  try {
    tunnelUrl(baseUrl);
  } catch (cause) {
    throw new OptionError(
      `baseUrl must be an absolute http: or https: URL without a user name, not "${baseUrl}".`,
      { cause },
    );
  }
}
