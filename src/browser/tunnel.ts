import { startMixnetClient, type PersistentIdentity } from '../mixnet/browser/index.js';
import type { MixnetClient } from '../mixnet/client.js';
import type { Network } from '../mixnet/network.js';
import type { TrafficProfile } from '../mixnet/options.js';
import { ClientPool } from '../mixnet/pool.js';
import type { StartStep } from '../mixnet/start.js';
import {
  PerConnectionDialer,
  SharedDialer,
  type Carrier,
  type Dialled,
  type Dialer,
  type DialerOptions,
} from '../proxy/dialer.js';
import { envelopeOf, type Protocol } from '../proxy/protocol.js';
import { Servers } from '../proxy/servers.js';
import { overLanes } from '../proxy/multi-lane-dialer.js';
import { wantsOf } from '../proxy/wants.js';
import type { Wants } from '../session/opener-routing.js';
import { SessionLog } from './session-log.js';
import { StateBoard, type ClientSnapshot, type TunnelSnapshot, type TunnelState } from './tunnel-state.js';

/** What a tunnel is made with; plain data, since it crosses into a worker. */
export interface TunnelOptions {
  /** One or several, each once. */
  readonly serverAddresses: readonly string[];
  readonly network: Network;
  /** With a client per connection, identities are ephemeral whatever is said here. */
  readonly identity: 'ephemeral' | PersistentIdentity;
  readonly clients: 'shared' | 'per-connection';
  /** Mixnet clients kept ready, with a client per connection. */
  readonly poolSize: number;
  /** Mixnet clients that carry each connection together. */
  readonly lanes: number;
  readonly traffic: TrafficProfile | undefined;
  readonly gateway: string | undefined;
  /** What the sessions travel as. */
  readonly protocol: Protocol | undefined;
  /** What the sessions need of a server of ours. */
  readonly wants: Wants | undefined;
  readonly closeTimeoutMs: number | undefined;
  readonly startTimeoutMs: number | undefined;
}

/** Who hears of a tunnel's mixnet clients. */
export interface TunnelWatch {
  readonly onProgress: (step: StartStep) => void;
  readonly onLog: (line: string) => void;
}

/** The mixnet clients of a page, or of all tabs that share an identity, and the sessions over them. */
export class Tunnel {
  readonly states: StateBoard;
  readonly #servers: Servers;
  readonly #pool: ClientPool;
  readonly #dialer: Dialer;
  readonly #log = new SessionLog();
  #closed: Promise<void> | undefined;

  private constructor(options: TunnelOptions, watch: TunnelWatch, first: MixnetClient | undefined) {
    const { serverAddresses, clients, poolSize, lanes, closeTimeoutMs, wants, protocol } = options;
    const shared = clients === 'shared';
    this.#servers = new Servers(serverAddresses);
    this.states = new StateBoard(first ? readyState(first) : waitingState('the mixnet client is starting'));
    this.#pool = new ClientPool({
      first,
      reserve: shared ? 0 : poolSize,
      start: async (signal) => {
        const client = await startClient(options, watch, signal);
        this.states.show(readyState(client));
        return client;
      },
      onFailure: (error, retryMs) => this.#failed(error, retryMs),
    });
    const dialerOptions = {
      servers: this.#servers,
      envelope: envelopeOf(protocol),
      wants,
      ...(closeTimeoutMs !== undefined && { closeTimeoutMs }),
    };
    if (shared) {
      const first = new SharedDialer(this.#pool, dialerOptions);
      this.#dialer = overLanes(lanes, this.#servers, first, () => sharedLane(options, watch, dialerOptions));
    } else {
      const each = new PerConnectionDialer(this.#pool, dialerOptions);
      this.#dialer = overLanes(lanes, this.#servers, each, () => each);
    }
  }

  /**
   * Starts a first mixnet client, and the tunnel with it.
   *
   * @throws {MixnetClientError} if the client does not start.
   */
  static async start(options: TunnelOptions, watch: TunnelWatch): Promise<Tunnel> {
    return new Tunnel(options, watch, await startClient(options, watch, undefined));
  }

  /** A tunnel that is still without a mixnet client, and tries to get one until it works. */
  static takeOver(options: TunnelOptions, watch: TunnelWatch): Tunnel {
    return new Tunnel(options, watch, undefined);
  }

  /**
   * Opens a session.
   *
   * @throws {MixnetClientError} if no mixnet client can be had.
   */
  async dial(signal: AbortSignal, upstream?: string): Promise<Dialled> {
    const dialled = await this.#dialer.dial(signal, { upstream: wantsOf({ upstream })?.upstream });
    this.#log.add(dialled.connection);
    return dialled;
  }

  /** Tries at once what waits for its next try. */
  hurry(): void {
    this.#pool.hurry();
  }

  async inspect(): Promise<TunnelSnapshot> {
    const clients = await Promise.all(this.#dialer.carriers.map(clientSnapshot));
    const { state } = this.states;
    return { state, serverAddress: this.#servers.address, clients: clients.flat(), ...this.#log.look() };
  }

  /** Resets every session and leaves the mixnet. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#dialer.close();
    return this.#closed;
  }

  #failed(error: unknown, retryMs: number): void {
    if (this.#pool.ready > 0) return;
    this.states.show(waitingState(reasonOf(error), retryMs));
  }
}

/** A further client for all connections; the one with the identity tells of itself. */
function sharedLane(
  options: TunnelOptions,
  { onLog }: TunnelWatch,
  dialerOptions: DialerOptions,
): SharedDialer {
  const watch = { onLog, onProgress: () => undefined };
  const start = (signal: AbortSignal) => startClient({ ...options, identity: 'ephemeral' }, watch, signal);
  return new SharedDialer(new ClientPool({ reserve: 0, start }), dialerOptions);
}

function startClient(
  options: TunnelOptions,
  watch: TunnelWatch,
  signal: AbortSignal | undefined,
): Promise<MixnetClient> {
  const { network, traffic, gateway, startTimeoutMs } = options;
  const identity = options.clients === 'shared' ? options.identity : 'ephemeral';
  return startMixnetClient({ network, identity, traffic, gateway, startTimeoutMs, signal, ...watch });
}

function readyState(client: MixnetClient): TunnelState {
  return { state: 'ready', role: 'holder', nymAddress: client.address };
}

function waitingState(reason: string, retryMs?: number): TunnelState {
  return { state: 'waiting', reason, retryMs };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A client that dies meanwhile has nothing to show. */
async function clientSnapshot({ client, surbs }: Carrier): Promise<ClientSnapshot[]> {
  try {
    const traffic = await client.traffic();
    const [, gateway = ''] = client.address.split('@');
    return [{ nymAddress: client.address, gateway, ...traffic, surbs }];
  } catch {
    return [];
  }
}
