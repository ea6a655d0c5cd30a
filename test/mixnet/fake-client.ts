import type {
  ClientTraffic,
  MixnetClient,
  MixnetClientEvents,
  MixnetClientState,
} from '../../src/mixnet/client.js';
import { MixnetClientError } from '../../src/mixnet/errors.js';
import { Listeners } from '../../src/mixnet/listeners.js';

/** A mixnet client that does nothing but change its state. */
export class FakeClient implements MixnetClient {
  state: MixnetClientState = 'ready';
  readonly address = 'fake';
  readonly extendedPackets = false;
  lostReason: Error | undefined;
  readonly #states = new Listeners<MixnetClientState>();

  send(): Promise<void> {
    return Promise.resolve();
  }

  reply(): Promise<void> {
    return Promise.resolve();
  }

  on<E extends keyof MixnetClientEvents>(
    event: E,
    listener: (value: MixnetClientEvents[E]) => void,
  ): () => void {
    return event === 'state'
      ? this.#states.add(listener as (state: MixnetClientState) => void)
      : () => undefined;
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

  lose(): void {
    this.lostReason = new MixnetClientError('gateway', 'The gateway closed the connection.');
    this.#become('lost');
  }

  #become(state: MixnetClientState): void {
    if (this.state === 'closed') return;
    this.state = state;
    this.#states.call(state);
  }
}
