import type { ClientTraffic, MixnetClient } from '../mixnet/client.js';

/** Adds up what mixnet clients carry that follow each other. What one carries after the last look at it is missing. */
export class TrafficTotal {
  readonly #seen = new WeakMap<object, number>();
  #looking: Promise<ClientTraffic> | undefined;
  #sent = 0;

  /** Looks at the clients of now; two looks at once are one. Never rejects. */
  look(clients: readonly Pick<MixnetClient, 'traffic'>[]): Promise<ClientTraffic> {
    this.#looking ??= this.#look(clients).finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(clients: readonly Pick<MixnetClient, 'traffic'>[]): Promise<ClientTraffic> {
    const waiting = await Promise.all(clients.map((client) => this.#lookAt(client)));
    return {
      packetsSent: this.#sent,
      packetsWaiting: waiting.reduce((sum, packets) => sum + packets, 0),
    };
  }

  async #lookAt(client: Pick<MixnetClient, 'traffic'>): Promise<number> {
    try {
      const { packetsSent, packetsWaiting } = await client.traffic();
      this.#sent += Math.max(0, packetsSent - (this.#seen.get(client) ?? 0));
      this.#seen.set(client, packetsSent);
      return packetsWaiting;
    } catch {
      // It died meanwhile.
      return 0;
    }
  }
}
