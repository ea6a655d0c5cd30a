import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer, type Server } from 'node:net';
import { once } from 'node:events';

import type { Localnet, LocalnetNode } from '../../src/localnet/index.js';
import { CHUNK_BY_CHUNK } from '../../src/node/tcp.js';
import { PeerProcess } from '../support/peer-process.js';
import type { PeerReset } from '../support/peer-protocol.js';
import { TestNetwork } from '../support/tunnel.js';

/** Bytes at a connection's beginning that say what the upstream is to do with it. */
const TICKET_BYTES = 4;

/**
 * An upstream whose connections each begin with a ticket. Who drew it decides what happens there; a server that was
 * restarted may come with the same one again.
 */
export class TicketUpstream implements AsyncDisposable {
  readonly #server: Server;
  readonly #handlers = new Map<number, (socket: Socket) => void>();
  readonly #sockets = new Set<Socket>();
  #drawn = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<TicketUpstream> {
    const server = createServer({ ...CHUNK_BY_CHUNK, allowHalfOpen: true });
    const upstream = new TicketUpstream(server);
    server.on('connection', (socket) => upstream.#accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return upstream;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** What an application writes first, so that `handle` gets its connection. */
  ticket(handle: (socket: Socket) => void): { readonly bytes: Buffer; readonly forget: () => void } {
    this.#drawn += 1;
    const number = this.#drawn;
    this.#handlers.set(number, handle);
    const bytes = Buffer.alloc(TICKET_BYTES);
    bytes.writeUInt32BE(number);
    return { bytes, forget: () => void this.#handlers.delete(number) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    const onReadable = () => {
      const ticket = socket.read(TICKET_BYTES) as Buffer | null;
      if (ticket?.length !== TICKET_BYTES) return;
      socket.off('readable', onReadable);
      const handle = this.#handlers.get(ticket.readUInt32BE());
      if (handle) handle(socket);
      else socket.resetAndDestroy();
    };
    socket.on('readable', onReadable);
  }
}

/** How a world's server and clients are connected; each has a gateway of its own. */
export type ClientMode = 'per-connection' | 'shared';

/** A localnet, an upstream, a server in a process of its own, clients in another. */
export class FaultWorld implements AsyncDisposable {
  readonly network: TestNetwork;
  readonly upstream: TicketUpstream;
  readonly clients: PeerProcess;
  readonly #ports = new Map<ClientMode, number>();
  readonly #resets = new Set<(reset: PeerReset) => void>();
  #server = new PeerProcess();
  #address = '';

  private constructor(network: TestNetwork, upstream: TicketUpstream) {
    this.network = network;
    this.upstream = upstream;
    this.clients = new PeerProcess((reset) => {
      for (const hear of this.#resets) hear(reset);
    });
  }

  static async start(): Promise<FaultWorld> {
    const network = await TestNetwork.start({ gateways: 2, mixNodesPerLayer: 3 });
    const world = new FaultWorld(network, await TicketUpstream.start());
    await world.#serve();
    return world;
  }

  get localnet(): Localnet {
    return this.network.localnet;
  }

  get server(): PeerProcess {
    return this.#server;
  }

  gatewayOf(whose: 'client' | 'server'): LocalnetNode & { readonly identity: string } {
    const gateway = this.localnet.gateways[whose === 'client' ? 0 : 1];
    if (gateway === undefined) throw new Error('the world has too few gateways');
    return gateway;
  }

  /** Connects to the upstream through the tunnel. */
  async connect(mode: ClientMode): Promise<Socket> {
    const port = await this.#portOf(mode);
    const socket = connect({ ...CHUNK_BY_CHUNK, host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    return socket;
  }

  /** The code of the next session that is reset at a client. */
  nextReset(signal: AbortSignal): Promise<string> {
    return new Promise((resolve) => {
      const hear = ({ code }: PeerReset) => resolve(code);
      this.#resets.add(hear);
      signal.addEventListener('abort', () => this.#resets.delete(hear));
    });
  }

  /** Kills the server's process. */
  async killServer(): Promise<void> {
    await this.#server.kill();
  }

  /** Starts the server again, with the same config directory. */
  async restartServer(): Promise<void> {
    this.#server = new PeerProcess();
    await this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.clients.kill(), this.#server.kill()]);
    await this.upstream[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
  }

  async #serve(): Promise<void> {
    this.#address = await this.#server.server({
      env: this.network.env,
      upstream: this.upstream.address,
      configDir: `${this.network.directory}/server`,
      gateway: this.gatewayOf('server').identity,
      traffic: 'fast',
    });
  }

  async #portOf(mode: ClientMode): Promise<number> {
    const known = this.#ports.get(mode);
    if (known !== undefined) return known;
    const port = await this.clients.client(mode, {
      env: this.network.env,
      serverAddress: this.#address,
      gateway: this.gatewayOf('client').identity,
      listenPort: 0,
      poolSize: 1,
      clients: mode,
      traffic: 'fast',
    });
    this.#ports.set(mode, port);
    return port;
  }
}
