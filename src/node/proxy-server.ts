import { knownMembers, MAX_TIMER_MS, oneOf, OptionError, wholeNumberOf } from '../basics/options-check.js';
import type { ClientTraffic, MixnetClient } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { useInSuccession, type StartClient } from '../mixnet/succession.js';
import { SessionServer, type ServerEvents } from '../proxy/server.js';
import type { ServerProtocol } from '../proxy/protocol.js';
import { sessionLimits, type SessionLimits } from '../proxy/session-limits.js';
import type { ProxyCounts } from '../proxy/stats.js';
import type { ProxyEvents } from '../proxy/session-report.js';
import { TrafficTotal } from '../proxy/traffic-total.js';
import { parseAccessToken } from '../session/access-proof.js';
import { SessionError } from '../session/errors.js';
import { checkMixnetOptions, clientStarter, type MixnetOptions } from './mixnet-options.js';
import { MAX_LANES } from '../wire/lane.js';
import { connectByHeader } from './legacy-header.js';
import { ServerLanes } from './server-lanes.js';
import { TokensFile } from './tokens-file.js';
import { connectUpstream, Upstreams } from './upstreams.js';

/** Options of {@link NymProxyServer.create}. */
export interface NymProxyServerOptions extends MixnetOptions {
  /**
   * `host:port` of the TCP service that sessions are forwarded to which ask for none by name, or `tls://host:port` of one
   * that TLS is spoken with: `?ca=file` names the authority of its certificate, if the system does not trust it, and
   * `?sni=name` the name in it, if it is not the host. May be left out if there are `upstreams`; the only one of them is
   * the default one then.
   */
  readonly upstream?: string | undefined;
  /** More services by name, in the same form; a client chooses. */
  readonly upstreams?: Readonly<Record<string, string>> | undefined;
  /**
   * What clients may ask for as `host:port`, besides names: patterns such as `db.internal:5432`, `*.internal:443`,
   * `db.internal:*`. Nothing unless given.
   */
  readonly allowUpstreams?: readonly string[] | undefined;
  /**
   * Understands `UPSTREAM:host:port` and LF as the first bytes of a session, as other programs of this wire format send
   * them; needs `allowUpstreams`. Sessions that begin otherwise go to the default upstream.
   */
  readonly legacyUpstreamHeader?: boolean | undefined;
  /**
   * Access tokens, of which a client must have one: 16 to 256 characters without blanks. A file is read again when it
   * changes, and the sessions of tokens that are gone are reset. Neither: everybody may connect.
   */
  readonly tokens?: readonly string[] | undefined;
  readonly tokensFile?: string | undefined;
  /** What it takes connections as: `tcp-proxy`, `stream` or `both`, which is the default. */
  readonly protocol?: ServerProtocol | undefined;
  /**
   * Mixnet clients, 1 to 16; 1 by default. More let connections whose clients have several lanes too be answered over as
   * many of them, each with its own slots for packets. The further ones have Nym addresses that only those clients are
   * told.
   */
  readonly lanes?: number | undefined;
  /** What strangers may use of the server. */
  readonly limits?: Partial<SessionLimits> | undefined;
  /** Directory of the server's identity, which keeps its Nym address; without it the identity is new each time. */
  readonly configDir?: string | undefined;
  /** Encrypts the keys in `configDir`. */
  readonly passphrase?: string | undefined;
  /** Silence in ms after which a session that has sent everything stops waiting for a Rust client; 60,000 by default. */
  readonly closeTimeoutMs?: number | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

/** The events of a {@link NymProxyServer}. */
export interface NymProxyServerEvents extends ServerEvents, Pick<ProxyEvents, 'retry' | 'recovery'> {
  /** The file of access tokens can no longer be used; until it can, nobody is let in. */
  warning: Error;
}

const EVENTS: readonly (keyof NymProxyServerEvents)[] = [
  ...(['session', 'end', 'error', 'refusal', 'retry', 'recovery', 'warning'] as const),
];

/** What the options come to. */
interface Checked {
  readonly limits: SessionLimits;
  readonly lanes: number;
  readonly upstreams: Upstreams;
  readonly tokensFile: TokensFile | undefined;
  readonly warnings: Listeners<Error>;
}

/**
 * Forwards every session that arrives through the mixnet to a TCP upstream.
 *
 * ```ts
 * await using server = await NymProxyServer.create({ upstream: '127.0.0.1:8000', configDir: './server' });
 * console.log(server.nymAddress);
 * await server.run();
 * ```
 */
export class NymProxyServer implements AsyncDisposable {
  readonly #start: StartClient;
  readonly #keepsAddress: boolean;
  readonly #sessions: SessionServer;
  readonly #retries = new Listeners<ProxyEvents['retry']>();
  readonly #recoveries = new Listeners<ProxyEvents['recovery']>();
  readonly #traffic = new TrafficTotal();
  readonly #stop = new AbortController();
  readonly #lanes: ServerLanes;
  #client: MixnetClient;
  #running: Promise<void> | undefined;

  readonly #tokensFile: TokensFile | undefined;
  readonly #warnings: Listeners<Error>;

  private constructor(
    start: StartClient,
    client: MixnetClient,
    lanes: ServerLanes,
    options: NymProxyServerOptions,
    checked: Checked,
  ) {
    const { upstreams, limits, tokensFile, warnings } = checked;
    const { tokens, legacyUpstreamHeader = false } = options;
    const { connectTimeoutMs } = limits;
    this.#tokensFile = tokensFile;
    this.#warnings = warnings;
    this.#start = start;
    this.#client = client;
    this.#lanes = lanes;
    this.#keepsAddress = options.configDir !== undefined;
    this.#sessions = new SessionServer({
      connectUpstream: async (signal, wanted) => {
        const connect = async (text: string | undefined) => {
          const upstream = upstreams.find(text);
          if (upstream === undefined) throw new SessionError('no-upstream', 'us');
          return connectUpstream(upstream, signal, connectTimeoutMs);
        };
        return wanted === undefined && legacyUpstreamHeader ? connectByHeader(connect) : connect(wanted);
      },
      hasUpstream: (wanted) =>
        (wanted === undefined && legacyUpstreamHeader) || upstreams.find(wanted) !== undefined,
      protocol: options.protocol,
      limits,
      tokens: tokensFile ? () => tokensFile.tokens : tokens && (() => tokens),
      ...(options.closeTimeoutMs !== undefined && { closeTimeoutMs: options.closeTimeoutMs }),
    });
  }

  /**
   * Connects to the mixnet.
   *
   * @throws {RangeError} if an upstream is not `host:port`, a token no token, or a number out of its range.
   * @throws {TokensFileError} if the file of tokens cannot be used.
   * @throws {MixnetClientError} if the network, gateway or identity cannot be used.
   */
  static async create(options: NymProxyServerOptions): Promise<NymProxyServer> {
    const checked = checkOptions(options);
    const { configDir, passphrase } = options;
    const start = await clientStarter(
      options,
      configDir === undefined ? 'ephemeral' : { configDir, passphrase },
    );
    const client = await start(options.signal);
    try {
      const lanes = await ServerLanes.start({ ...options, count: checked.lanes - 1 });
      return new NymProxyServer(start, client, lanes, options, checked);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Where clients reach this server. */
  get nymAddress(): string {
    return this.#client.address;
  }

  /** What it has done since it was created. */
  get counts(): ProxyCounts {
    return this.#sessions.counts;
  }

  /** Whether sessions can arrive: its mixnet client is ready. */
  get ready(): boolean {
    return this.#client.state === 'ready';
  }

  /** What its mixnet clients have carried so far. Never rejects. */
  traffic(): Promise<ClientTraffic> {
    return this.#traffic.look([this.#client, ...this.#lanes.clients]);
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof NymProxyServerEvents>(
    event: E,
    listener: (value: NymProxyServerEvents[E]) => void,
  ): () => void {
    oneOf('event', event, EVENTS);
    if (event === 'retry') return this.#retries.add(listener as (value: ProxyEvents['retry']) => void);
    if (event === 'recovery')
      return this.#recoveries.add(listener as (value: ProxyEvents['recovery']) => void);
    if (event === 'warning') return this.#warnings.add(listener as (value: Error) => void);
    return this.#sessions.on(event as 'session', listener as (value: ProxyEvents['session']) => void);
  }

  /** Reads the file of access tokens again, without waiting for somebody to notice that it has changed. */
  reloadTokens(): void {
    this.#tokensFile?.reload();
  }

  /**
   * Serves until `signal` aborts or {@link close} is called. When the gateway is lost, the server comes back under the
   * same Nym address, and sessions and their upstream connections wait for it, up to 4 minutes each.
   *
   * @throws {MixnetClientError} if the gateway is lost and the address with it, because there is no `configDir`.
   */
  run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const onAbort = () => this.#stop.abort();
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort);
    this.#running ??= this.#serve();
    return this.#running.finally(() => options.signal?.removeEventListener('abort', onAbort));
  }

  /** Refuses new sessions, so that clients use another server; settles when the open ones have ended. Never rejects. */
  drain(): Promise<void> {
    return this.#sessions.drain();
  }

  /** Tells every client, ends every session and leaves the mixnet. Never rejects. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
    await Promise.all([this.#client.close(), this.#lanes.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(): Promise<void> {
    const { signal } = this.#stop;
    const onRetry = (retry: ProxyEvents['retry']) => this.#retries.call(retry);
    const onRecovery = (recovery: ProxyEvents['recovery']) => this.#recoveries.call(recovery);
    this.#lanes.serve({ sessions: this.#sessions, signal, onRetry, onRecovery });
    await useInSuccession({
      client: this.#client,
      start: this.#start,
      use: (client) => this.#serveOver(client),
      onRetry: (error, retryMs) => onRetry({ error, retryMs }),
      onRecovery: (outageMs) => onRecovery({ outageMs }),
      signal,
    });
    await this.#sessions.close();
  }

  async #serveOver(client: MixnetClient): Promise<void> {
    const { signal } = this.#stop;
    this.#client = client;
    await this.#sessions.serve(client, signal);
    const { lostReason } = client;
    if (signal.aborted || this.#keepsAddress || !lostReason) return;
    await this.#sessions.close(new SessionError('lost', 'us', undefined, { cause: lostReason }));
    throw lostReason;
  }
}

/** Every option, which the compiler checks. */
const OPTION_NAMES: Readonly<Record<keyof NymProxyServerOptions, true>> = {
  ...{ upstream: true, upstreams: true, allowUpstreams: true, legacyUpstreamHeader: true },
  ...{ network: true, env: true, traffic: true, gateway: true, configDir: true, passphrase: true },
  ...{ tokens: true, tokensFile: true, protocol: true, lanes: true, limits: true, closeTimeoutMs: true },
  ...{ signal: true, onLog: true },
};

function checkOptions(options: NymProxyServerOptions): Checked {
  knownMembers('NymProxyServer.create()', options, Object.keys(OPTION_NAMES));
  checkMixnetOptions(options);
  const { closeTimeoutMs } = options;
  if (closeTimeoutMs !== undefined)
    wholeNumberOf('closeTimeoutMs', closeTimeoutMs, { min: 1, max: MAX_TIMER_MS });
  const { tokens = [], tokensFile } = options;
  for (const token of tokens) parseAccessToken(token);
  if (tokens.length > 0 && tokensFile !== undefined)
    throw new OptionError('give either tokens or a tokensFile, not both');
  if (options.legacyUpstreamHeader === true && (options.allowUpstreams ?? []).length === 0)
    throw new OptionError('legacyUpstreamHeader needs allowUpstreams, which says where such clients may go');
  if (options.passphrase !== undefined && options.configDir === undefined)
    throw new OptionError('passphrase needs configDir, where the keys are that it encrypts');
  const warnings = new Listeners<Error>();
  return {
    limits: sessionLimits(options.limits),
    lanes: wholeNumberOf('lanes', options.lanes ?? 1, { min: 1, max: MAX_LANES }),
    upstreams: new Upstreams(options.upstream, options.upstreams, options.allowUpstreams),
    tokensFile:
      tokensFile === undefined ? undefined : new TokensFile(tokensFile, (error) => warnings.call(error)),
    warnings,
  };
}
