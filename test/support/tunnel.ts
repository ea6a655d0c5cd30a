import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startLocalnet, type Localnet, type LocalnetOptions } from '../../src/localnet/index.js';
import { NymProxyClient, type NymProxyClientOptions } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { CHUNK_BY_CHUNK } from '../../src/node/tcp.js';

/** What a test does with each connection at the upstream. */
export type Upstream = (socket: Socket) => void;

/** A localnet with its env file, in a directory that goes with it. */
export class TestNetwork implements AsyncDisposable {
  readonly localnet: Localnet;
  readonly directory: string;

  private constructor(localnet: Localnet, directory: string) {
    this.localnet = localnet;
    this.directory = directory;
  }

  static async start(options: LocalnetOptions = {}): Promise<TestNetwork> {
    const localnet = await startLocalnet(options);
    const directory = await mkdtemp(join(tmpdir(), 'nym-tcp-proxy-test-'));
    const network = new TestNetwork(localnet, directory);
    await writeFile(network.env, localnet.envFile());
    return network;
  }

  get env(): string {
    return join(this.directory, 'localnet.env');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.localnet.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A TCP server of the test's. */
export class TestUpstream implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(handle: Upstream): Promise<TestUpstream> {
    const server = createServer({ ...CHUNK_BY_CHUNK, allowHalfOpen: true });
    const upstream = new TestUpstream(server);
    server.on('connection', (socket) => {
      upstream.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => upstream.#sockets.delete(socket));
      handle(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return upstream;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Options of the client, and a few of the server. */
export type TunnelOptions = Partial<NymProxyClientOptions> & {
  readonly configDir?: string;
  readonly serverGateway?: string;
};

/** Server and client over a test's network, in front of an upstream. */
export class TestTunnel implements AsyncDisposable {
  readonly server: NymProxyServer;
  readonly client: NymProxyClient;

  private constructor(server: NymProxyServer, client: NymProxyClient) {
    this.server = server;
    this.client = client;
  }

  static async start(env: string, upstream: string, options: TunnelOptions = {}): Promise<TestTunnel> {
    const { configDir, serverGateway, ...clientOptions } = options;
    const server = await NymProxyServer.create({
      env,
      upstream,
      configDir,
      gateway: serverGateway,
      traffic: 'fast',
    });
    void server.run();
    const serverAddress = server.nymAddress;
    const client = await NymProxyClient.create({
      env,
      serverAddress,
      listenPort: 0,
      poolSize: 1,
      traffic: 'fast',
      ...clientOptions,
    });
    return new TestTunnel(server, client);
  }

  /** Connects through the tunnel. Errors of the socket are kept for {@link ended}. */
  connect(): Socket {
    return connectTo(this.client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.server.close();
  }
}

export function connectTo(client: NymProxyClient): Socket {
  const socket = connect({ ...client.listenAddress, allowHalfOpen: true });
  socket.on('error', () => undefined);
  return socket;
}

/**
 * Everything that comes from a socket until its end, which stays open the other way. Rejects if it is reset.
 */
export function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the socket was closed before its end')));
  });
}

/** The code of the error that ends a socket; `undefined` if it ends in peace. */
export function resetCode(socket: Socket): Promise<string | undefined> {
  let code: string | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
  socket.resume();
  if (socket.destroyed) return Promise.resolve(undefined);
  return new Promise((resolve) => void socket.on('close', () => resolve(code)));
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export const MEBIBYTE = 1024 * 1024;

export const randomMebibytes = (count: number) => randomBytes(count * MEBIBYTE);
