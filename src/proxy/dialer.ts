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

  /** Resets every session and closes every client. Never rejects. */
  close(): Promise<void>;
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
  #current: Promise<SharedClient> | undefined;

  /** @param pool one that keeps no reserve; the shared client is taken from it. */
  constructor(pool: ClientPool, options: OpenerOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  async dial(signal?: AbortSignal): Promise<Session> {
    this.#current ??= this.#start();
    const { opener } = await (signal ? orAborted(this.#current, signal) : this.#current);
    return opener.open();
  }

  async close(): Promise<void> {
    const current = this.#current;
    await this.#pool.close();
    const shared = await current?.catch(() => undefined);
    await shared?.opener.close();
    await shared?.client.flush(FLUSH_MS);
    await shared?.client.close();
  }

  #start(): Promise<SharedClient> {
    const starting = this.#pool.take().then((client) => {
      const forget = () => {
        if (this.#current === starting) this.#current = undefined;
      };
      client.on('state', forget);
      return { client, opener: new SessionOpener(client, this.#options) };
    });
    starting.catch(() => {
      if (this.#current === starting) this.#current = undefined;
    });
    return starting;
  }
}

interface SharedClient {
  readonly client: MixnetClient;
  readonly opener: SessionOpener;
}
