import type {
  ClientTraffic,
  MixnetClient,
  MixnetClientEvents,
  MixnetClientState,
  MixnetMessage,
} from '../../src/mixnet/client.js';
import { Listeners } from '../../src/mixnet/listeners.js';

/** What the mixnet does to a message: how many copies arrive, each after how many ms. */
export type Fate = () => readonly number[];

/** A mixnet in memory: addresses are names, and every message meets its fate. */
export class MemoryMixnet {
  readonly #clients = new Map<string, MemoryClient>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** By default every message arrives once, after a random moment, so that messages overtake each other. */
  fate: Fate = () => [Math.random() * 4];
  /** Messages under way or delivered, for counting. */
  sent = 0;

  client(address: string): MemoryClient {
    const client = new MemoryClient(this, address);
    this.#clients.set(address, client);
    return client;
  }

  carry(recipient: string, message: MixnetMessage, replySurbs: number): void {
    this.sent += 1;
    for (const delay of this.fate()) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#clients.get(recipient)?.arrive(message, replySurbs);
      }, delay);
      this.#timers.add(timer);
    }
  }

  /** Loses what is under way, so that a test can end. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

export class MemoryClient implements MixnetClient {
  readonly address: string;
  state: MixnetClientState = 'ready';
  extendedPackets = false;
  lostReason: Error | undefined;
  /** Reply SURBs attached so far. */
  surbs = 0;
  /** Messages that have arrived. */
  taken = 0;
  readonly #mixnet: MemoryMixnet;
  /** The sender tags that SURBs have come with. */
  readonly #repliable = new Set<string>();
  readonly #messages = new Listeners<MixnetMessage>();
  readonly #states = new Listeners<MixnetClientState>();

  constructor(mixnet: MemoryMixnet, address: string) {
    this.#mixnet = mixnet;
    this.address = address;
  }

  async send(recipient: string, payload: Uint8Array, replySurbs: number): Promise<void> {
    this.#assertReady();
    this.surbs += replySurbs;
    this.#mixnet.carry(recipient, { payload: payload.slice(), senderTag: this.address }, replySurbs);
    return Promise.resolve();
  }

  async reply(senderTag: string, payload: Uint8Array): Promise<void> {
    this.#assertReady();
    // As the official client does, without a word, when it has never had a SURB of this sender.
    if (this.#repliable.has(senderTag)) {
      this.#mixnet.carry(senderTag, { payload: payload.slice(), senderTag: undefined }, 0);
    }
    return Promise.resolve();
  }

  on<E extends keyof MixnetClientEvents>(
    event: E,
    listener: (value: MixnetClientEvents[E]) => void,
  ): () => void {
    if (event === 'message') return this.#messages.add(listener as (value: MixnetMessage) => void);
    return this.#states.add(listener as (value: MixnetClientState) => void);
  }

  arrive(message: MixnetMessage, replySurbs: number): void {
    if (message.senderTag !== undefined && replySurbs > 0) this.#repliable.add(message.senderTag);
    if (this.state !== 'ready') return;
    this.taken += 1;
    this.#messages.call(message);
  }

  traffic(): Promise<ClientTraffic> {
    return Promise.resolve({ packetsWaiting: 0, packetsSent: 0 });
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#become('closed');
    return Promise.resolve();
  }

  /** What happens when the gateway dies. */
  lose(): void {
    this.lostReason = new Error('the gateway closed the connection');
    this.#become('lost');
  }

  #become(state: MixnetClientState): void {
    if (this.state !== 'ready') return;
    this.state = state;
    this.#states.call(state);
  }

  #assertReady(): void {
    if (this.state !== 'ready') throw new Error(`the client is ${this.state}`);
  }
}
