import type { MixnetClient, MixnetClientEvents, MixnetClientState } from '../src/mixnet/client.js';
import { anonymousMessagePackets, replyPackets } from '../src/wire/packet-count.js';

/** What has been given to a mixnet client. */
export interface Given {
  /** Packets that the messages need. */
  readonly packets: number;
  /** SURBs attached to them. */
  readonly surbs: number;
}

/** A mixnet client that counts what it is given. */
export class CountingClient implements MixnetClient {
  readonly #client: MixnetClient;
  #packets = 0;
  #surbs = 0;

  constructor(client: MixnetClient) {
    this.#client = client;
  }

  get given(): Given {
    return { packets: this.#packets, surbs: this.#surbs };
  }

  get state(): MixnetClientState {
    return this.#client.state;
  }

  get address(): string {
    return this.#client.address;
  }

  get extendedPackets(): boolean {
    return this.#client.extendedPackets;
  }

  get lostReason(): Error | undefined {
    return this.#client.lostReason;
  }

  send(...args: Parameters<MixnetClient['send']>): Promise<void> {
    const [, payload, replySurbs] = args;
    this.#packets += anonymousMessagePackets(payload.length, replySurbs, this.extendedPackets);
    this.#surbs += replySurbs;
    return this.#client.send(...args);
  }

  reply(...args: Parameters<MixnetClient['reply']>): Promise<void> {
    const [, payload] = args;
    this.#packets += replyPackets(payload.length, this.extendedPackets);
    return this.#client.reply(...args);
  }

  on<E extends keyof MixnetClientEvents>(
    event: E,
    listener: (value: MixnetClientEvents[E]) => void,
  ): () => void {
    return this.#client.on(event, listener);
  }

  traffic(): ReturnType<MixnetClient['traffic']> {
    return this.#client.traffic();
  }

  flush(timeoutMs: number): Promise<void> {
    return this.#client.flush(timeoutMs);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
