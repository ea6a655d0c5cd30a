import { expose } from 'comlink';
import { v4 as uuid } from 'uuid';

import { ChannelEndpoint } from './channel-endpoint.js';
import { refusal, type LobbyMessage, type TunnelTerms } from './lobby-messages.js';
import { holdLock, untilFree } from '../mixnet/browser/web-locks.js';
import { guestChannel, guestLock, holderLock, lobbyChannel } from './tab-names.js';
import { TunnelGuest } from './tunnel-guest.js';
import type { Tunnel } from './tunnel.js';

/** Guests at once; far more than a person has tabs. */
const MAX_GUESTS = 64;

/** Where the holder of a tunnel admits the other tabs and the service worker. */
export class Lobby {
  readonly #tunnel: Tunnel;
  readonly #terms: TunnelTerms;
  readonly #holder = uuid();
  readonly #channel: BroadcastChannel;
  readonly #guests = new Set<string>();
  readonly #closed = new AbortController();

  constructor(clientId: string, tunnel: Tunnel, terms: TunnelTerms) {
    this.#tunnel = tunnel;
    this.#terms = terms;
    this.#channel = new BroadcastChannel(lobbyChannel(clientId));
    void this.#open();
  }

  /** Ends every guest's sockets and lets the guests know. */
  close(): void {
    this.#closed.abort();
    this.#channel.close();
  }

  async #open(): Promise<void> {
    const { signal } = this.#closed;
    // First the lock, which tells the guests of this holder's end.
    const release = await holdLock(holderLock(this.#holder), signal).catch(() => undefined);
    if (!release) return;
    signal.addEventListener('abort', release);
    if (signal.aborted) release();
    this.#channel.addEventListener('message', ({ data }: MessageEvent<LobbyMessage>) => this.#hear(data));
  }

  #hear(message: LobbyMessage): void {
    if (message.kind !== 'hello') return;
    const { guest } = message;
    const failure = refusal(message, this.#terms);
    if (failure) {
      this.#say({ kind: 'refused', guest, failure });
      return;
    }
    if (!this.#guests.has(guest)) {
      if (this.#guests.size >= MAX_GUESTS) return;
      this.#guests.add(guest);
      void this.#serve(guest);
    }
    this.#say({ kind: 'welcome', guest, holder: this.#holder });
  }

  /** Serves a guest until it, or this holder, is gone. */
  async #serve(name: string): Promise<void> {
    const channel = new ChannelEndpoint(guestChannel(name));
    const guest = new TunnelGuest(this.#tunnel);
    expose(guest, channel);
    await untilFree(guestLock(name), this.#closed.signal).catch(() => undefined);
    channel.close();
    guest.leave();
    this.#guests.delete(name);
  }

  #say(message: LobbyMessage): void {
    this.#channel.postMessage(message);
  }
}
