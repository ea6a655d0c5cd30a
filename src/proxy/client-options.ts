import { knownMembers, MAX_TIMER_MS, oneOf, OptionError, wholeNumberOf } from '../basics/options-check.js';
import { TRAFFIC_PROFILES, type TrafficProfile } from '../mixnet/options.js';
import { MAX_LANES } from '../wire/lane.js';
import { envelopeOf, type Protocol } from './protocol.js';

/** How connections are distributed over mixnet clients. */
export const CLIENTS = ['per-connection', 'shared'] as const;

/** What the clients of every platform can be told. */
export interface CommonClientOptions {
  /**
   * Nym address of the server. With several, all in front of the same service, new connections go to another when the
   * one in use does not take them; open ones stay where they are.
   */
  readonly serverAddress: string | readonly string[];
  /**
   * - `per-connection`: each connection has a mixnet client of its own, so the server cannot link them.
   * - `shared`: one mixnet client for all; cheaper, but the server sees that they belong together.
   */
  readonly clients?: 'per-connection' | 'shared' | undefined;
  /** Mixnet clients kept ready for new connections, with a client per connection. */
  readonly poolSize?: number | undefined;
  /**
   * Mixnet clients that carry each connection together, 1 to 16: as many times the bytes, where the CPU allows. 1 by
   * default; more need a server of ours. With `shared` clients, so many for all connections.
   */
  readonly lanes?: number | undefined;
  /** Traffic profile; `default` unless given. */
  readonly traffic?: TrafficProfile | undefined;
  /** Base58 identity of the gateway for a new identity; drawn at random unless given. */
  readonly gateway?: string | undefined;
  /** Access token, for a server that asks for one. */
  readonly token?: string | undefined;
  /** What connections travel as: `tcp-proxy` (default), or `stream` for servers that take that too, as ours do. */
  readonly protocol?: Protocol | undefined;
  /** The server's upstream: its name, or `host:port` if the server allows that; its default one unless given. */
  readonly upstream?: string | undefined;
  /** Silence in ms after which a connection that has sent everything stops waiting for a Rust server; 60,000 by default. */
  readonly closeTimeoutMs?: number | undefined;
  /** What relative URLs are relative to; its host is what the upstream sees as `Host`. Default `http://upstream/`. */
  readonly baseUrl?: string | undefined;
  /** Whether the host and port of a URL name the upstream, as `host:port`; the server has to allow it. Default false. */
  readonly upstreamByHost?: boolean | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
  /** Gets what the official client writes to its console. */
  readonly onLog?: ((line: string) => void) | undefined;
}

/**
 * Checks what the clients of every platform can be told, as programs in JavaScript give anything.
 *
 * @param options what was given.
 * @param names all options of the platform's client.
 * @throws {OptionError} saying which option cannot be used, or is missing.
 */
export function checkClientOptions(options: CommonClientOptions, names: readonly string[]): void {
  knownMembers('NymProxyClient.create()', options, names);
  const { serverAddress, clients, traffic, lanes, poolSize, closeTimeoutMs, protocol } = options;
  if ((serverAddress as unknown) === undefined)
    throw new OptionError(
      'serverAddress is missing; give the Nym address that the server prints when it starts',
    );
  envelopeOf(protocol);
  if (clients !== undefined) oneOf('clients', clients, CLIENTS);
  if (traffic !== undefined) oneOf('traffic', traffic, TRAFFIC_PROFILES);
  if (lanes !== undefined) wholeNumberOf('lanes', lanes, { min: 1, max: MAX_LANES });
  if (poolSize !== undefined) wholeNumberOf('poolSize', poolSize);
  if (closeTimeoutMs !== undefined)
    wholeNumberOf('closeTimeoutMs', closeTimeoutMs, { min: 1, max: MAX_TIMER_MS });
}
