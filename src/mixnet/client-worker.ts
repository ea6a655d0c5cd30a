import type { OfficialClient, OfficialMessageListener } from '../../wasm/client.js';
import { anonymousMessagePackets, replyPackets } from '../wire/packet-count.js';
import { deafeningFrame } from './gateway-frames.js';
import type { WorkerSettings } from './options.js';
import { PacketQueue } from './packet-queue.js';
import { Turns } from './turns.js';
import { ALIVE_EVERY_MS, type ConnectStep, type FromWorker, type ToWorker } from './worker-protocol.js';

/**
 * With cover traffic the official client sends itself a decoy every 200 ms on average (sphinx.md section 8), besides
 * the stream in which messages leave. Assumed a little shorter: an estimate that is too low by chance would stay so.
 * The difference costs one of a hundred slots, and lets about four packets more wait than are known.
 */
const LOOP_COVER_MS = 180;

/** With cover traffic something leaves all the time, whatever becomes of the messages. */
const STALE_AFTER_MS = 2000;

/** Without, packets leave as soon as they are built; what has not left then waits for SURBs, or was dropped. */
export const QUIET_STALE_AFTER_MS = 25;

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
  /** A binary frame, one Sphinx packet, was given to the socket. */
  readonly frameGiven: () => void;
  /** It was handed to the system. */
  readonly frameLeft: () => void;
  readonly textArrived: (socket: GatewaySocket, text: string) => void;
  readonly closed: (socket: GatewaySocket, reason: string) => void;
}

/** Starts the official client; `onFailure` is told when the listener throws. */
export type Launch = (
  listener: OfficialMessageListener,
  onFailure: (error: unknown) => void,
) => Promise<OfficialClient>;

/** A message that waits for its turn. */
interface Outgoing {
  readonly id: number;
  readonly packets: number;
  readonly handOver: (client: OfficialClient) => Promise<void>;
}

/**
 * The worker's side of a mixnet client: runs one official client, paces what it is given, and watches its gateway
 * socket, whose death the official client reports to nobody (nym-api.md section 8).
 */
export class ClientWorker implements GatewaySocketWatch {
  readonly #post: (message: FromWorker, transfer: ArrayBuffer[]) => void;
  readonly #settings: WorkerSettings;
  readonly #queue: PacketQueue;
  readonly #turns = new Turns<Outgoing>();
  /** Those who wait until nothing waits to leave. */
  readonly #flushes: (() => void)[] = [];
  #client: OfficialClient | undefined;
  /** The socket opened last; those before it served the registration only (gateway.md section 2). */
  #socket: GatewaySocket | undefined;
  #socketTrouble: string | undefined;
  #packetsSent = 0;
  readonly #reached = new Set<ConnectStep>();

  constructor(settings: WorkerSettings, post: (message: FromWorker, transfer: ArrayBuffer[]) => void) {
    this.#settings = settings;
    this.#post = post;
    const onFewer = () => this.#handOver();
    this.#queue = new PacketQueue(
      settings.traffic === 'fast'
        ? { onFewer, staleAfterMs: QUIET_STALE_AFTER_MS }
        : { onFewer, staleAfterMs: STALE_AFTER_MS, decoyEveryMs: LOOP_COVER_MS },
    );
    setInterval(() => this.#say({ kind: 'alive' }), ALIVE_EVERY_MS);
  }

  /**
   * Starts the official client and says `started` or `failed`.
   *
   * @param exportDatabase what the owner is to keep of the client's database, read once the client has started.
   */
  async start(launch: Launch, exportDatabase: () => Promise<Uint8Array | undefined>): Promise<void> {
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
    switch (message.kind) {
      case 'count': {
        this.#count(message.id);
        return;
      }
      case 'flush':
        await this.#flush();
        {
          this.#say({ kind: 'done', id: message.id });
          return;
        }
      case 'send':
      case 'reply':
        if (!this.#client) {
          this.#refuse(message.id, new Error('The official client has not started.'));
          return;
        }
        this.#enqueue(message);
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

  readonly frameGiven = (): void => this.#queue.given();

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
      traffic: { packetsWaiting: this.#turns.packets + this.#queue.ahead, packetsSent: this.#packetsSent },
    });
  }

  #trouble(socket: GatewaySocket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socketTrouble ??= reason;
    if (this.#client) this.#say({ kind: 'lost', reason: this.#socketTrouble });
  }

  #enqueue(message: Extract<ToWorker, { kind: 'send' | 'reply' }>): void {
    const { id, payload } = message;
    const extended = this.#settings.traffic === 'bulk';
    const outgoing: Outgoing =
      message.kind === 'reply'
        ? {
            id,
            packets: replyPackets(payload.length, extended),
            handOver: (client) => client.reply(message.senderTag, payload),
          }
        : {
            id,
            packets: anonymousMessagePackets(payload.length, message.replySurbs, extended),
            handOver: (client) => client.sendAnonymous(message.recipient, payload, message.replySurbs),
          };
    this.#turns.add(outgoing, outgoing.packets);
    this.#handOver();
  }

  /** Gives the official client what it needs to be busy. */
  #handOver(): void {
    const client = this.#client;
    while (client && this.#queue.ahead <= this.#settings.packetsAhead) {
      const next = this.#turns.next();
      if (next === undefined) break;
      this.#queue.add(next.packets);
      next.handOver(client).then(
        () => this.#say({ kind: 'done', id: next.id }),
        (error: unknown) => this.#refuse(next.id, error),
      );
    }
    if (this.#queue.ahead === 0) for (const settle of this.#flushes.splice(0)) settle();
  }

  async #flush(): Promise<void> {
    if (this.#queue.ahead > 0) await new Promise<void>((resolve) => this.#flushes.push(resolve));
    // What the system still holds would be lost when the worker ends.
    await this.#socket?.reachGateway();
  }

  #refuse(id: number, error: unknown): void {
    this.#say({ kind: 'refused', id, reason: reasonOf(error) });
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
