import { startMixnetClient } from '../src/mixnet/node/start.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { CountingClient } from './counting-client.js';
import { inTime } from './in-time.js';
import type { BenchNetwork } from './network.js';
import { POLICIES, type BenchOpener, type BenchSession, type PolicyName } from './policy.js';
import type { Exchange } from './request.js';
import { BenchServer } from './server.js';
import { newUsage, usedBetween, type Usage } from './usage.js';

/** An exchange, and what it took at both ends. */
export interface Measured {
  readonly ms: number;
  readonly client: Usage;
  readonly server: Usage;
}

/** A server of one policy and traffic profile, and the clients that talk to it. */
export class Pair implements AsyncDisposable {
  readonly policy: PolicyName;
  readonly traffic: TrafficProfile;
  readonly #network: BenchNetwork;
  readonly #server: BenchServer;

  private constructor(
    network: BenchNetwork,
    server: BenchServer,
    policy: PolicyName,
    traffic: TrafficProfile,
  ) {
    this.#network = network;
    this.#server = server;
    this.policy = policy;
    this.traffic = traffic;
  }

  static async start(network: BenchNetwork, policy: PolicyName, traffic: TrafficProfile): Promise<Pair> {
    const { apiUrl } = network;
    const server = await BenchServer.start({ kind: 'sessions', apiUrl, policy, traffic });
    return new Pair(network, server, policy, traffic);
  }

  /** A client that is ready and has not spoken to the server yet. */
  async client(): Promise<PairClient> {
    const { apiUrl } = this.#network;
    const policy = POLICIES[this.policy];
    const started = await startMixnetClient({
      network: { name: 'localnet', apiUrl },
      traffic: this.traffic,
      ...policy.settings,
    });
    const client = new CountingClient(started);
    return new PairClient(client, policy.opener(client, this.#server.address), this.#server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** A client of a {@link Pair}. */
export class PairClient implements AsyncDisposable {
  readonly #client: CountingClient;
  readonly #opener: BenchOpener;
  readonly #server: BenchServer;

  constructor(client: CountingClient, opener: BenchOpener, server: BenchServer) {
    this.#client = client;
    this.#opener = opener;
    this.#server = server;
  }

  open(): BenchSession {
    return this.#opener.open();
  }

  /** Time of an exchange in ms, over a session or a new one. */
  async time(exchange: Exchange, session = this.open()): Promise<number> {
    const began = performance.now();
    await inTime(session.exchange(exchange));
    return performance.now() - began;
  }

  /** An exchange over a new session, with what both ends used for it. */
  async measure(exchange: Exchange): Promise<Measured> {
    const before = await this.#usage();
    const ms = await this.time(exchange);
    const after = await this.#usage();
    return {
      ms,
      client: usedBetween(before.client, after.client),
      server: usedBetween(before.server, after.server),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opener.close();
    await this.#client.close();
  }

  async #usage(): Promise<{ client: Usage; server: Usage }> {
    const [client, server] = await Promise.all([newUsage(this.#client), this.#server.usage()]);
    return { client, server };
  }
}
