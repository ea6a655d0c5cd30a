import { setTimeout as pause } from 'node:timers/promises';

import { backoffMs } from '../mixnet/backoff.js';
import type { MixnetClient } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { SessionServer } from '../proxy/server.js';
import type { ProxyEvents } from '../proxy/session-report.js';
import { SessionError } from '../session/errors.js';
import { clientStarter, type MixnetOptions, type StartClient } from './mixnet-options.js';
import { millisecondsOf } from '../proxy/seconds.js';
import { connectTcp, parseTcpAddress } from './tcp.js';

/** Options of {@link NymProxyServer.create}. */
export interface NymProxyServerOptions extends MixnetOptions {
  /** `host:port` of the TCP service that every session is forwarded to. */
  readonly upstream: string;
  /** Directory of the server's identity, which keeps its Nym address; without it the identity is new each time. */
  readonly configDir?: string | undefined;
  /** Encrypts the keys in `configDir`. */
  readonly passphrase?: string | undefined;
  /** Seconds of silence after which a session that has sent everything stops waiting for a Rust client; 60 by default. */
  readonly closeTimeout?: number | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Forwards every session that arrives through the mixnet to one TCP upstream.
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
  readonly #stop = new AbortController();
  #client: MixnetClient;
  #running: Promise<void> | undefined;

  private constructor(start: StartClient, client: MixnetClient, options: NymProxyServerOptions) {
    const upstream = parseTcpAddress(options.upstream);
    this.#start = start;
    this.#client = client;
    this.#keepsAddress = options.configDir !== undefined;
    this.#sessions = new SessionServer({
      connectUpstream: (signal) => connectTcp(upstream, signal),
      ...(options.closeTimeout !== undefined && {
        closeTimeoutMs: millisecondsOf('closeTimeout', options.closeTimeout),
      }),
    });
  }

  /**
   * Connects to the mixnet.
   *
   * @throws {RangeError} if the upstream is not `host:port`.
   * @throws {MixnetClientError} if the network, gateway or identity cannot be used.
   */
  static async create(options: NymProxyServerOptions): Promise<NymProxyServer> {
    parseTcpAddress(options.upstream);
    const { configDir, passphrase } = options;
    const start = await clientStarter(
      options,
      configDir === undefined ? 'ephemeral' : { configDir, passphrase },
    );
    return new NymProxyServer(start, await start(options.signal), options);
  }

  /** Where clients reach this server. */
  get nymAddress(): string {
    return this.#client.address;
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof ProxyEvents>(event: E, listener: (value: ProxyEvents[E]) => void): () => void {
    if (event === 'retry') return this.#retries.add(listener as (value: ProxyEvents['retry']) => void);
    return this.#sessions.on(event as 'session', listener as (value: ProxyEvents['session']) => void);
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

  /** Tells every client, ends every session and leaves the mixnet. Never rejects. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
    await this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await this.#sessions.serve(this.#client, signal);
      if (signal.aborted) break;
      const { lostReason } = this.#client;
      if (!this.#keepsAddress && lostReason) {
        await this.#sessions.close(new SessionError('lost', 'us', undefined, { cause: lostReason }));
        throw lostReason;
      }
      await this.#client.close();
      const successor = await this.#startAgain(lostReason, signal);
      if (successor === undefined) break;
      this.#client = successor;
    }
    await this.#sessions.close();
  }

  /** Tries until it works, at growing intervals; `undefined` if the server is closed meanwhile. */
  async #startAgain(reason: unknown, signal: AbortSignal): Promise<MixnetClient | undefined> {
    let error = reason;
    for (let failures = 0; ; failures += 1) {
      const retryMs = backoffMs(failures);
      this.#retries.call({ error, retryMs });
      try {
        await pause(retryMs, undefined, { signal });
        return await this.#start(signal);
      } catch (failure) {
        if (signal.aborted) return undefined;
        error = failure;
      }
    }
  }
}
