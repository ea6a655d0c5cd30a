import type { OfficialClient, OfficialMessageListener } from '../../wasm/client.js';
import { anonymousMessagePackets, replyPackets } from '../wire/packet-count.js';
import { deafeningFrame } from './gateway-frames.js';
import { PacketQueue } from './packet-queue.js';
import { ALIVE_EVERY_MS, type ConnectStep, type FromWorker, type ToWorker } from './worker-protocol.js';

/**
 * `send` is answered once at most this many packets wait in the official client: enough to keep it busy, at 20 ms each
 * a third of a second, and few enough that a later, more urgent message is not stuck behind many.
 */
export const PACKETS_AHEAD = 16;

/** The official client prints whole packets and topologies now and then. */
const MAX_LOG_LINE = 1_000;

/** A WebSocket to a gateway. */
export interface GatewaySocket {
  /** Settles when all frames sent so far have reached the gateway, as far as can be known here, or never can. */
  reachGateway(): Promise<void>;
}

/** What a WebSocket to a gateway reports to the worker it lives in. */
export interface GatewaySocketWatch {
  /** The official client opens this socket. */
  readonly opened: (socket: GatewaySocket) => void;
  /** A socket's connection is made. */
  readonly connected: () => void;
  /** A binary frame, one Sphinx packet, was handed to the system. */
  readonly frameLeft: () => void;
  readonly textArrived: (socket: GatewaySocket, text: string) => void;
  readonly closed: (socket: GatewaySocket, reason: string) => void;
}

/** Starts the official client; `onFailure` is told when the listener throws. */
export type Launch = (
  listener: OfficialMessageListener,
  onFailure: (error: unknown) => void,
) => Promise<OfficialClient>;

/**
 * The worker's side of a mixnet client: runs one official client, paces what it is given, and watches its gateway
 * socket, whose death the official client reports to nobody (nym-api.md section 8).
 */
export class ClientWorker implements GatewaySocketWatch {
  readonly #post: (message: FromWorker, transfer: ArrayBuffer[]) => void;
  readonly #queue = new PacketQueue();
  #client: OfficialClient | undefined;
  #extendedPackets = false;
  /** The socket opened last; those before it served the registration only (gateway.md section 2). */
  #socket: GatewaySocket | undefined;
  #socketTrouble: string | undefined;
  #packetsSent = 0;
  readonly #reached = new Set<ConnectStep>();

  constructor(post: (message: FromWorker, transfer: ArrayBuffer[]) => void) {
    this.#post = post;
    setInterval(() => this.#say({ kind: 'alive' }), ALIVE_EVERY_MS);
  }

  /**
   * Starts the official client and says `started` or `failed`.
   *
   * @param exportDatabase what the owner is to keep of the client's database, read once the client has started.
   */
  async start(
    launch: Launch,
    extendedPackets: boolean,
    exportDatabase: () => Promise<Uint8Array | undefined>,
  ): Promise<void> {
    this.#extendedPackets = extendedPackets;
    try {
      const client = await launch(
        (payload, senderTag) => this.#arrived(payload, senderTag),
        (error) => this.log(`A message was dropped: ${reasonOf(error)}`),
      );
      const database = await exportDatabase();
      if (this.#socketTrouble !== undefined) throw new Error(this.#socketTrouble);
      this.#client = client;
      this.#say({ kind: 'started', address: client.address, database });
    } catch (error) {
      this.#say({ kind: 'failed', reason: reasonOf(error) });
    }
  }

  /** Does what the owner asks and answers it. */
  async receive(message: ToWorker): Promise<void> {
    try {
      if (message.kind === 'count') {
        this.#count(message.id);
        return;
      }
      await this.#obey(message);
      this.#say({ kind: 'done', id: message.id });
    } catch (error) {
      this.#say({ kind: 'refused', id: message.id, reason: reasonOf(error) });
    }
  }

  /** Passes on what the official client writes to the console. */
  log(line: string): void {
    this.#say({ kind: 'log', line: line.slice(0, MAX_LOG_LINE) });
  }

  readonly opened = (socket: GatewaySocket): void => {
    this.#socket = socket;
    this.#socketTrouble = undefined;
    // The official client needs its keys for whatever it says to a gateway.
    this.#reach('keys');
  };

  readonly connected = (): void => this.#reach('gateway');

  readonly frameLeft = (): void => {
    this.#packetsSent += 1;
    this.#queue.left();
  };

  readonly textArrived = (socket: GatewaySocket, text: string): void => {
    const said = deafeningFrame(text);
    if (said !== undefined) this.#trouble(socket, `The gateway sent ${said}`);
  };

  readonly closed = (socket: GatewaySocket, reason: string): void => this.#trouble(socket, reason);

  /** A new client opens more than one socket; each step is told once. */
  #reach(step: ConnectStep): void {
    if (this.#reached.has(step)) return;
    this.#reached.add(step);
    this.#say({ kind: 'reached', step });
  }

  #count(id: number): void {
    this.#say({
      kind: 'traffic',
      id,
      traffic: { packetsWaiting: this.#queue.ahead, packetsSent: this.#packetsSent },
    });
  }

  #trouble(socket: GatewaySocket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socketTrouble ??= reason;
    if (this.#client) this.#say({ kind: 'lost', reason: this.#socketTrouble });
  }

  async #obey(message: Exclude<ToWorker, { kind: 'count' }>): Promise<void> {
    if (message.kind === 'flush') {
      await this.#queue.whenAtMost(0);
      // What the system still holds would be lost when the worker ends.
      return this.#socket?.reachGateway();
    }
    if (!this.#client) throw new Error('The official client has not started.');
    if (message.kind === 'reply') {
      this.#queue.add(replyPackets(message.payload.length, this.#extendedPackets));
      return this.#client.reply(message.senderTag, message.payload);
    }
    const { recipient, payload, replySurbs } = message;
    this.#queue.add(anonymousMessagePackets(payload.length, replySurbs, this.#extendedPackets));
    await this.#client.sendAnonymous(recipient, payload, replySurbs);
    await this.#queue.whenAtMost(PACKETS_AHEAD);
  }

  #arrived(payload: Uint8Array, senderTag: string | undefined): void {
    const { buffer } = payload;
    const whole = buffer instanceof ArrayBuffer && buffer.byteLength === payload.byteLength;
    this.#post({ kind: 'message', payload, senderTag }, whole ? [buffer] : []);
  }

  #say(message: FromWorker): void {
    this.#post(message, []);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
