import type { MixnetClient } from '../mixnet/client.js';
import { MixnetClientError } from '../mixnet/errors.js';
import { orAborted } from '../mixnet/or-aborted.js';
import type { ClientPool } from '../mixnet/pool.js';
import { SessionOpener, type OpenerOptions } from '../session/opener.js';
import type { Session } from '../session/session.js';
import { FLUSH_MS, RESET_LINGER_MS } from './limits.js';

/** Opens sessions with one server. */
export interface Dialer {
  /**
   * Opens a session once a mixnet client is ready.
   *
   * @throws {MixnetClientError} if no client can be had.
   */
  dial(signal?: AbortSignal): Promise<Session>;

  /** The mixnet clients that carry sessions, or are about to, as far as the dialer knows them. */
  readonly carriers: readonly Carrier[];

  /** Resets every session and closes every client. Never rejects. */
  close(): Promise<void>;
}

/** A mixnet client and what opens sessions over it. */
export interface Carrier {
  readonly client: MixnetClient;
  readonly opener: SessionOpener;
}

/**
 * A mixnet client of its own for each session, thrown away afterwards: the server cannot tell which sessions belong
 * together.
 */
export class PerConnectionDialer implements Dialer {
  readonly #pool: ClientPool;
  readonly #options: OpenerOptions;
  readonly #open = new Map<MixnetClient, SessionOpener>();
  readonly #lingering = new Map<MixnetClient, ReturnType<typeof setTimeout>>();
  #closed = false;

  constructor(pool: ClientPool, options: OpenerOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  get carriers(): readonly Carrier[] {
    return [...this.#open].map(([client, opener]) => ({ client, opener }));
  }

  async dial(signal?: AbortSignal): Promise<Session> {
    const client = await this.#pool.take(signal);
    if (this.#closed) {
      await client.close();
      throw new MixnetClientError('state', 'The proxy client is closed.');
    }
    const opener = new SessionOpener(client, this.#options);
    this.#open.set(client, opener);
    const session = opener.open();
    session.closed.then(
      () => this.#discard(client),
      () => this.#linger(client),
    );
    return session;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = [...this.#open];
    await Promise.all(open.map(([, opener]) => opener.close()));
    await Promise.all([...this.#lingering.keys()].map((client) => client.flush(FLUSH_MS)));
    for (const timer of this.#lingering.values()) clearTimeout(timer);
    await Promise.all([this.#pool.close(), ...[...this.#open.keys()].map((client) => this.#discard(client))]);
  }

  async #discard(client: MixnetClient): Promise<void> {
    this.#open.delete(client);
    clearTimeout(this.#lingering.get(client));
    this.#lingering.delete(client);
    await client.close();
  }

  #linger(client: MixnetClient): void {
    if (!this.#open.has(client)) return;
    const timer = setTimeout(() => void this.#discard(client), RESET_LINGER_MS);
    this.#lingering.set(client, timer);
  }
}

/**
 * One mixnet client for all sessions, replaced by another when it is lost. Cheaper and quicker to start than a client
 * for each, but the server sees that the sessions belong together.
 */
export class SharedDialer implements Dialer {
  readonly #pool: ClientPool;
  readonly #options: OpenerOptions;
  /** Settles when the client is there; another one follows it when it is lost, or could not be started. */
  #current: Promise<Carrier>;
  #carrier: Carrier | undefined;
  #closed = false;

  /** @param pool one that keeps no reserve; the shared client is taken from it. */
  constructor(pool: ClientPool, options: OpenerOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#current = this.#start();
  }

  get carriers(): readonly Carrier[] {
    return this.#carrier ? [this.#carrier] : [];
  }

  async dial(signal?: AbortSignal): Promise<Session> {
    const { opener } = await (signal ? orAborted(this.#current, signal) : this.#current);
    return opener.open();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.close();
    const last = await this.#current.catch(() => undefined);
    await last?.opener.close();
    await last?.client.flush(FLUSH_MS);
    await last?.client.close();
  }

  /** The pool makes the next start wait when one has failed. */
  #start(): Promise<Carrier> {
    const starting = this.#pool.take().then((client) => this.#carryWith(client));
    starting.catch(() => this.#replace());
    return starting;
  }

  #carryWith(client: MixnetClient): Carrier {
    const carrier = { client, opener: new SessionOpener(client, this.#options) };
    this.#carrier = carrier;
    client.on('state', () => {
      if (this.#carrier !== carrier) return;
      this.#carrier = undefined;
      this.#pool.lost(client.lostReason);
      this.#replace();
    });
    return carrier;
  }

  #replace(): void {
    if (!this.#closed) this.#current = this.#start();
  }
}
