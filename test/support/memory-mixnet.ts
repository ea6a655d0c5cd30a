import type {
  ClientTraffic,
  MixnetClient,
  MixnetClientEvents,
  MixnetClientState,
  MixnetMessage,
} from '../../src/mixnet/client.js';
import { Listeners } from '../../src/mixnet/listeners.js';
import { DEFAULT_REPLY_SURB_RESERVE } from '../../src/mixnet/options.js';
import { SYSTEM_CLOCK, type Clock } from '../../src/session/clock.js';
import { replyPackets } from '../../src/wire/packet-count.js';

/** What the mixnet does to a message: how many copies arrive, each after how many ms. */
export type Fate = () => readonly number[];

/** What the official client asks for at least when it has too few SURBs (sphinx.md section 9). */
const SURBS_ASKED_FOR = 10;

/** A mixnet in memory: addresses are names, and every message meets its fate. */
export class MemoryMixnet {
  readonly #clients = new Map<string, MemoryClient>();
  readonly #clock: Clock;
  /** What ends the timers that run. */
  readonly #cancels = new Set<() => void>();
  /** By default every message arrives once, after a random moment, so that messages overtake each other. */
  fate: Fate = () => [Math.random() * 4];
  /** Messages under way or delivered, for counting. */
  sent = 0;

  constructor(clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  client(address: string): MemoryClient {
    const client = new MemoryClient(this, address);
    this.#clients.set(address, client);
    return client;
  }

  /** The client that has this address now. */
  at(address: string): MemoryClient | undefined {
    return this.#clients.get(address);
  }

  carry(recipient: string, message: MixnetMessage, replySurbs: number): void {
    this.sent += 1;
    for (const delay of this.fate()) {
      this.#after(delay, () => this.#clients.get(recipient)?.arrive(message, replySurbs));
    }
  }

  /** Calls `arrive` when an official client's request for SURBs has gone there, and SURBs have come back. */
  askForSurbs(recipient: string, arrive: () => void): void {
    const [there = 0, back = 0] = [...this.fate(), ...this.fate()];
    this.#after(there, () => {
      if (this.#clients.get(recipient)?.state === 'ready') this.#after(back, arrive);
    });
  }

  #after(delay: number, run: () => void): void {
    const cancel = this.#clock.after(delay, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }

  /** Loses what is under way, so that a test can end. */
  close(): void {
    for (const cancel of this.#cancels) cancel();
  }
}

/** What a client knows of one sender. */
interface Sender {
  surbs: number;
  /** Replies that wait for SURBs. */
  readonly waiting: Uint8Array[];
  asked: boolean;
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
  /** By sender tag, those that SURBs have come from. */
  readonly #senders = new Map<string, Sender>();
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
    const sender = this.#senders.get(senderTag);
    // As the official client does, without a word, when it has never had a SURB of this sender.
    if (sender === undefined) return Promise.resolve();
    sender.waiting.push(payload.slice());
    this.#replyTo(senderTag, sender);
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
    if (message.senderTag !== undefined && replySurbs > 0) this.#supply(message.senderTag, replySurbs);
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

  #supply(senderTag: string, surbs: number): void {
    const sender = this.#senders.get(senderTag) ?? { surbs: 0, waiting: [], asked: false };
    this.#senders.set(senderTag, sender);
    sender.surbs += surbs;
    this.#replyTo(senderTag, sender);
  }

  /** What the stock does not suffice for waits, and the official client asks for more with the SURB that it keeps. */
  #replyTo(senderTag: string, sender: Sender): void {
    if (this.state !== 'ready') return;
    for (let payload = sender.waiting[0]; payload; payload = sender.waiting[0]) {
      const packets = replyPackets(payload.length, this.extendedPackets);
      if (sender.surbs - DEFAULT_REPLY_SURB_RESERVE < packets) break;
      sender.surbs -= packets;
      sender.waiting.shift();
      this.#mixnet.carry(senderTag, { payload, senderTag: undefined }, 0);
    }
    if (sender.waiting.length === 0 || sender.asked || sender.surbs === 0) return;
    sender.surbs -= 1;
    sender.asked = true;
    this.#mixnet.askForSurbs(senderTag, () => {
      sender.asked = false;
      this.#supply(senderTag, SURBS_ASKED_FOR);
    });
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
