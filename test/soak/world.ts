import { connect, type Socket } from 'node:net';

import { CHUNK_BY_CHUNK } from '../../src/node/tcp.js';
import { TicketUpstream, type ClientMode } from '../faults/world.js';
import { PeerProcess } from '../support/peer-process.js';
import { TestNetwork } from '../support/tunnel.js';

/** A server that lives as long as the soak, and one that is killed now and then. */
export type ServerName = 'steady' | 'mortal';

export const SERVERS: readonly [ServerName, ServerName] = ['steady', 'mortal'];

/** One client for each way to use a server. */
export interface ClientName {
  readonly mode: ClientMode;
  readonly server: ServerName;
}

export const CLIENTS: readonly [ClientName, ...ClientName[]] = [
  { mode: 'per-connection', server: 'steady' },
  { mode: 'shared', server: 'steady' },
  { mode: 'per-connection', server: 'mortal' },
  { mode: 'shared', server: 'mortal' },
];

const nameOf = ({ mode, server }: ClientName) => `${mode} to ${server}`;

/** A localnet, an upstream, two servers, each in a process of its own, and clients of both in another. */
export class SoakWorld implements AsyncDisposable {
  readonly network: TestNetwork;
  readonly upstream: TicketUpstream;
  readonly clients: PeerProcess;
  /** Sessions that were reset at a client, by their code. */
  readonly resets = new Map<string, number>();
  readonly #servers = new Map<ServerName, PeerProcess>();
  readonly #addresses = new Map<ServerName, string>();
  readonly #ports = new Map<string, number>();
  /** How often each may have reset connections. */
  readonly #deaths = new Map<string, number>();
  #outagesNow = 0;
  #outages = 0;

  private constructor(network: TestNetwork, upstream: TicketUpstream) {
    this.network = network;
    this.upstream = upstream;
    this.clients = new PeerProcess(({ code }) => this.resets.set(code, (this.resets.get(code) ?? 0) + 1));
  }

  static async start(): Promise<SoakWorld> {
    const network = await TestNetwork.start({ gateways: 3, mixNodesPerLayer: 3 });
    const world = new SoakWorld(network, await TicketUpstream.start());
    try {
      for (const server of SERVERS) await world.#serve(server);
      for (const client of CLIENTS) await world.#startClient(client);
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  server(name: ServerName): PeerProcess {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`there is no ${name} server now`);
    return server;
  }

  connect(client: ClientName): Socket {
    const port = this.#ports.get(nameOf(client)) ?? 0;
    const socket = connect({ ...CHUNK_BY_CHUNK, host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    return socket;
  }

  /** A number that is another one once the client, or its server, has been killed. */
  lifeOf(client: ClientName): number {
    return (this.#deaths.get(nameOf(client)) ?? 0) + (this.#deaths.get(client.server) ?? 0);
  }

  /** How often, so far, something began or ceased to be away without which a connection may not be opened. */
  get outages(): number {
    return this.#outages;
  }

  /** Whether something is away now. */
  get outageNow(): boolean {
    return this.#outagesNow > 0;
  }

  /** Lets something be away while `during` runs. */
  async outage(during: () => Promise<void>): Promise<void> {
    this.#outagesNow += 1;
    this.#outages += 1;
    try {
      await during();
    } finally {
      this.#outagesNow -= 1;
      this.#outages += 1;
    }
  }

  /** Kills the mortal server, and starts it again with the same config directory. */
  async restartServer(): Promise<void> {
    this.#die('mortal');
    await this.server('mortal').kill();
    await this.#serve('mortal');
    this.#die('mortal');
  }

  /** Closes a client in order, and starts another in its place. */
  async restartClient(client: ClientName): Promise<void> {
    this.#die(nameOf(client));
    await this.outage(async () => {
      await this.clients.close(nameOf(client));
      await this.#startClient(client);
    });
    this.#die(nameOf(client));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.clients, ...this.#servers.values()].map((peer) => peer.kill()));
    await this.upstream[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
  }

  #die(name: string): void {
    this.#deaths.set(name, (this.#deaths.get(name) ?? 0) + 1);
  }

  async #serve(name: ServerName): Promise<void> {
    const peer = new PeerProcess();
    this.#servers.set(name, peer);
    const address = await peer.server({
      env: this.network.env,
      upstream: this.upstream.address,
      configDir: `${this.network.directory}/${name}`,
      traffic: 'fast',
      // All the load comes from few clients.
      limits: { sessionRate: 0, sessionRatePerSender: 0 },
    });
    this.#addresses.set(name, address);
  }

  async #startClient(client: ClientName): Promise<void> {
    const port = await this.clients.client(nameOf(client), {
      env: this.network.env,
      serverAddress: this.#addresses.get(client.server) ?? '',
      listenPort: this.#ports.get(nameOf(client)) ?? 0,
      poolSize: 1,
      clients: client.mode,
      traffic: 'fast',
    });
    this.#ports.set(nameOf(client), port);
  }
}
