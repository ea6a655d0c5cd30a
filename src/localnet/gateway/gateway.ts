/**
 * A Nym gateway as its clients see it: a WebSocket server that passes their packets on and hands them what arrives
 * (gateway.md).
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { LocalnetError } from '../errors.js';
import { identityFromSeed } from '../keys.js';
import { listen } from '../listen.js';
import type { FinalHop, RoutedPacket } from '../packet.js';
import { Admission } from './admission.js';
import { addressKey } from './clients.js';
import { contain, forwardPacket } from './context.js';
import type { GatewayContext } from './context.js';
import { newCounters } from './counters.js';
import type { GatewayCounters } from './counters.js';
import { splitFinalPayload } from './final-payload.js';
import { GATEWAY_LIMITS } from './limits.js';
import type { GatewayLimits } from './limits.js';
import { GatewayMemory } from './memory.js';
import type { GatewayOptions, GatewayTls } from './options.js';
import { GATEWAY_RULES } from './rules.js';
import type { ClientSession } from './session.js';
import { readState, StateFile } from './state-file.js';

export type { GatewayCounters } from './counters.js';
export { GatewayMemory } from './memory.js';
export type { GatewayOptions } from './options.js';

/** How long clients have to answer the end of their connection, in ms. */
const CLOSE_GRACE_MS = 250;
const GOING_AWAY = 1001;
/** One gateway. Unwrapping Sphinx packets is not its task. */
export class Gateway {
  /** The port it listens on. */
  readonly wsPort: number;
  /** The port on which it listens for TLS, if it does. */
  readonly wssPort: number | undefined;
  /** What it knows of its clients. */
  readonly memory: GatewayMemory;
  readonly #context: GatewayContext;
  readonly #servers: readonly Server[];
  readonly #webSockets: WebSocketServer;
  #closing: Promise<void> | undefined;

  /**
   * Starts listening.
   *
   * `forward` gets the packets of clients and released acks. `memory` is what the gateway knows of its clients if
   * there is no `stateFile`: pass the one of a closed gateway ({@link Gateway.memory}) to restart it.
   *
   * @throws {LocalnetError} `port-in-use` or `listen-failed`; `state-corrupt` or `state-unusable`
   */
  static async start(
    options: GatewayOptions,
    forward: (packet: RoutedPacket) => void,
    memory?: GatewayMemory,
  ): Promise<Gateway> {
    const { stateFile: path, host, wsPort } = options;
    const limits = { ...GATEWAY_LIMITS, ...options.limits };
    const identity = identityFromSeed(options.identitySeed);
    const known =
      path === undefined
        ? (memory ?? new GatewayMemory())
        : await readState(path, identity.publicKey, limits);
    const stateFile =
      path === undefined ? undefined : new StateFile(path, identity.publicKey, known, limits.saveDelayMs);
    const plain = createServer(onlyWebSocket);
    await listenWithin(limits, plain, host, wsPort);
    const secure = options.tls && (await startSecure(options.tls, limits, host, plain));
    const context: GatewayContext = {
      identity,
      limits,
      rules: { ...GATEWAY_RULES, ...options.rules },
      memory: known,
      stateFile,
      sessions: new Map(),
      counters: newCounters(),
      forward,
    };
    return new Gateway(context, plain, secure);
  }

  private constructor(context: GatewayContext, plain: Server, secure: Server | undefined) {
    this.#context = context;
    this.#servers = secure === undefined ? [plain] : [plain, secure];
    this.memory = context.memory;
    this.wsPort = portOf(plain);
    this.wssPort = secure && portOf(secure);
    this.#webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: context.limits.messageBytes,
      perMessageDeflate: false,
    });
    for (const server of this.#servers) {
      server.on('upgrade', (request, socket, head) => {
        this.#webSockets.handleUpgrade(request, socket, head, (accepted) => {
          this.#webSockets.emit('connection', accepted, request);
        });
      });
    }
    this.#webSockets.on('connection', (socket) => this.#accept(socket));
    // A failure to accept one connection; the server goes on.
    this.#webSockets.on('error', () => undefined);
  }

  /** Delivers what a packet carried to its client, or stores it, then releases its ack. Never throws. */
  finalHop(final: FinalHop): void {
    if (this.#closing === undefined) contain(this.#context, () => this.#onFinalHop(final));
  }

  /** Everything counted since the start. */
  counters(): GatewayCounters {
    return { ...this.#context.counters, connections: this.#webSockets.clients.size };
  }

  /**
   * Ends every connection and writes the state. Can be called again.
   *
   * @throws {LocalnetError} `state-unusable` if the state cannot be written
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'));
    for (const server of this.#servers) server.close();
    const sockets = [...this.#webSockets.clients];
    for (const socket of sockets) socket.close(GOING_AWAY);
    const grace = setTimeout(() => {
      for (const socket of sockets) socket.terminate();
    }, CLOSE_GRACE_MS);
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
    clearTimeout(grace);
    this.#context.stateFile?.changed();
    await this.#context.stateFile?.save();
  }

  #accept(socket: WebSocket): void {
    let session: ClientSession | undefined;
    const admission = new Admission(this.#context, socket, (admitted) => {
      session = admitted;
    });
    socket.on('message', (data, isBinary) => {
      if (!Buffer.isBuffer(data)) return;
      contain(this.#context, () => {
        if (isBinary) (session ?? admission).onBinary(data);
        else (session ?? admission).onText(data.toString('utf8'));
      });
    });
    // Frames that break the WebSocket protocol or its size limit; the socket closes by itself.
    socket.on('error', () => {
      this.#context.counters.badFrames += 1;
    });
    socket.on('close', () => {
      admission.end();
      session?.end();
    });
  }

  #onFinalHop(final: FinalHop): void {
    const { counters } = this.#context;
    const payload = splitFinalPayload(final);
    if (payload === undefined) {
      counters.badFinalHops += 1;
      return;
    }
    const taken =
      payload.ack === undefined
        ? this.#deliverAck(final.destination, payload.message)
        : this.#deliverMessage(final.destination, payload.message);
    if (taken && payload.ack !== undefined && forwardPacket(this.#context, payload.ack)) {
      counters.acksReleased += 1;
    }
  }

  #deliverAck(destination: Uint8Array, ack: Uint8Array): boolean {
    const { sessions, counters } = this.#context;
    const delivery = sessions.get(addressKey(destination))?.push(ack) ?? 'offline';
    if (delivery === 'sent') counters.acksDelivered += 1;
    // An ack is of no use to a client that comes back later (gateway.md section 9.1).
    if (delivery === 'offline') counters.acksDropped += 1;
    return delivery === 'sent';
  }

  /** Whether the message was delivered or stored. */
  #deliverMessage(destination: Uint8Array, message: Uint8Array): boolean {
    const { sessions, counters, memory, limits, stateFile } = this.#context;
    const address = addressKey(destination);
    const delivery = sessions.get(address)?.push(message) ?? 'offline';
    if (delivery === 'sent') counters.messagesDelivered += 1;
    if (delivery !== 'offline') return delivery === 'sent';
    counters.messagesStored += 1;
    counters.inboxDropped += memory.inbox.add(address, message.slice(), limits);
    stateFile?.changed();
    return true;
  }
}

const onlyWebSocket: RequestListener = (_request, response) => {
  response.writeHead(426, { 'content-type': 'text/plain', connection: 'close' });
  response.end('This is the WebSocket of a Nym gateway.\n');
};

/** @throws {LocalnetError} as {@link Gateway.start}; `plain` is closed then */
async function startSecure(
  { key, cert, wssPort }: GatewayTls,
  limits: GatewayLimits,
  host: string,
  plain: Server,
): Promise<Server> {
  try {
    const secure = secureServer(key, cert);
    await listenWithin(limits, secure, host, wssPort);
    return secure;
  } catch (error) {
    plain.close();
    throw error;
  }
}

function secureServer(key: string, cert: string): Server {
  try {
    return createSecureServer({ key, cert }, onlyWebSocket);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LocalnetError('bad-option', `the key or certificate for TLS cannot be used: ${reason}`, {
      cause: error,
    });
  }
}

async function listenWithin(
  limits: GatewayLimits,
  server: Server,
  host: string,
  port: number,
): Promise<void> {
  server.maxConnections = limits.connections;
  server.headersTimeout = limits.initialMessageMs;
  await listen(server, host, port, 'the WebSocket of a gateway');
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
