import type { MixnetClient } from '../mixnet/client.js';
import { MixnetClientError } from '../mixnet/errors.js';
import { orAborted } from '../mixnet/or-aborted.js';
import type { ClientPool } from '../mixnet/pool.js';
import type { Connection } from '../session/connection.js';
import { FLUSH_MS } from '../session/limits.js';
import { SessionOpener, type OpenerOptions } from '../session/opener.js';
import { newFramesPeers, type Wants } from '../session/opener-routing.js';
import type { Lane } from '../wire/lane.js';
import type { Servers } from './servers.js';
import { Tasks } from './tasks.js';

/** Options of a dialer. */
export interface DialerOptions extends OpenerOptions {
  readonly servers: Servers;
}

/** A connection and where it leads. */
export interface Dialled {
  readonly connection: Connection;
  /** Nym address of its server. */
  readonly server: string;
}

/** How a connection is opened. */
export interface DialOptions {
  /** The server's upstream, by name or as `host:port`; that of the dialer's options unless given. */
  readonly upstream?: string | undefined;
}

/** Opens sessions with the server in use. */
export interface Dialer {
  /**
   * Opens a connection once a mixnet client is ready.
   *
   * @throws {MixnetClientError} if no client can be had.
   */
  dial(signal?: AbortSignal, options?: DialOptions): Promise<Dialled>;

  /** The mixnet clients that carry sessions, or are about to, as far as the dialer knows them. */
  readonly carriers: readonly Carrier[];

  /** Resets every session and closes every client. Never rejects. */
  close(): Promise<void>;
}

/** A session of a connection that several carry together. */
export interface LaneDial extends DialOptions {
  readonly lane: Lane;
  /** Nym address that the server named for it; that of the server in use unless given. */
  readonly recipient?: string | undefined;
}

/** A dialer whose sessions go over one mixnet client each. */
export interface SessionDialer extends Dialer {
  /** As {@link Dialer.dial}. What becomes of a lane tells nothing of its server: its connection does. */
  dial(signal?: AbortSignal, options?: Partial<LaneDial>): Promise<Dialled>;
}

/** A mixnet client and what it carries now. */
export interface Carrier {
  readonly client: MixnetClient;
  readonly sessions: number;
  /** SURBs that the servers have left for this client, by our count. */
  readonly surbs: number;
}

/**
 * A mixnet client of its own for each session, thrown away afterwards: the server cannot tell which sessions belong
 * together. Should it be lost, the session goes on over another one that is as new, with another gateway probably.
 */
export class PerConnectionDialer implements SessionDialer {
  readonly #pool: ClientPool;
  readonly #options: DialerOptions;
  readonly #open = new Map<SessionOpener, MixnetClient>();
  readonly #running = new Tasks();
  #closed = false;

  constructor(pool: ClientPool, options: DialerOptions) {
    this.#pool = pool;
    this.#options = { framesPeers: newFramesPeers(), ...options };
  }

  get carriers(): readonly Carrier[] {
    return [...this.#open].map(([opener, client]) => carrierOf(client, opener));
  }

  async dial(signal?: AbortSignal, options: Partial<LaneDial> = {}): Promise<Dialled> {
    const { lane, recipient } = options;
    const client = await this.#pool.take(signal);
    if (this.#closed) {
      await client.close();
      throw new MixnetClientError('state', 'The proxy client is closed.');
    }
    const { servers } = this.#options;
    const server = recipient ?? servers.choose();
    const opener = new SessionOpener(client, this.#options);
    this.#open.set(opener, client);
    const session = opener.open(server, { lane, wants: wantsFor(this.#options, options) });
    if (lane === undefined) servers.follow(server, session);
    const ended = new AbortController();
    client.on('state', () => this.#replace(opener, client, ended.signal));
    // A session that was reset still has to tell its server, over another client if need be.
    void session.drained.then(() => {
      ended.abort();
      return this.#discard(opener);
    });
    return { connection: session, server };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open.keys()].map((opener) => opener.close()));
    await Promise.all([...this.#open.values()].map((client) => client.flush(FLUSH_MS)));
    const openers = [...this.#open.keys()];
    await Promise.all([this.#pool.close(), ...openers.map((opener) => this.#discard(opener))]);
    await this.#running.ended();
  }

  #replace(opener: SessionOpener, lost: MixnetClient, ended: AbortSignal): void {
    if (lost.state !== 'lost' || this.#closed || ended.aborted) return;
    this.#pool.lost(lost.lostReason);
    this.#running.add(this.#takeAnother(opener, ended));
  }

  /** Tries as long as the session waits; the pool makes each try wait when one has failed. */
  async #takeAnother(opener: SessionOpener, ended: AbortSignal): Promise<void> {
    const client = await this.#pool.take(ended).catch(() => undefined);
    const before = this.#open.get(opener);
    if (this.#closed || ended.aborted || before === undefined) return client?.close();
    if (client === undefined) return this.#takeAnother(opener, ended);
    this.#open.set(opener, client);
    client.on('state', () => this.#replace(opener, client, ended));
    opener.moveTo(client);
    await before.close();
  }

  async #discard(opener: SessionOpener): Promise<void> {
    const client = this.#open.get(opener);
    this.#open.delete(opener);
    // The last acknowledgement is on its way.
    await client?.flush(FLUSH_MS);
    await client?.close();
  }
}

/**
 * One mixnet client for all sessions, replaced by another when it is lost, which then carries the sessions on. Cheaper
 * and quicker to start than a client for each, but the server sees that the sessions belong together.
 */
export class SharedDialer implements SessionDialer {
  readonly #pool: ClientPool;
  readonly #options: DialerOptions;
  #opener: SessionOpener | undefined;
  /** Settles when there is a client; another one follows it when it is lost, or could not be started. */
  #current: Promise<SessionOpener>;
  #client: MixnetClient | undefined;
  #closed = false;

  /** @param pool one that keeps no reserve; the shared client is taken from it. */
  constructor(pool: ClientPool, options: DialerOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#current = this.#start();
  }

  get carriers(): readonly Carrier[] {
    return this.#client && this.#opener ? [carrierOf(this.#client, this.#opener)] : [];
  }

  async dial(signal?: AbortSignal, options: Partial<LaneDial> = {}): Promise<Dialled> {
    const { lane, recipient } = options;
    const opener = await (signal ? orAborted(this.#current, signal) : this.#current);
    const { servers } = this.#options;
    const server = recipient ?? servers.choose();
    const session = opener.open(server, { lane, wants: wantsFor(this.#options, options) });
    if (lane === undefined) servers.follow(server, session);
    return { connection: session, server };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.close();
    await this.#current.catch(() => undefined);
    const last = this.#client;
    await this.#opener?.close();
    await last?.flush(FLUSH_MS);
    await last?.close();
  }

  /** The pool makes the next start wait when one has failed. */
  #start(): Promise<SessionOpener> {
    const starting = this.#pool.take().then((client) => this.#carryWith(client));
    starting.catch(() => this.#replace());
    return starting;
  }

  #carryWith(client: MixnetClient): SessionOpener {
    this.#opener?.moveTo(client);
    const opener = (this.#opener ??= new SessionOpener(client, this.#options));
    this.#client = client;
    client.on('state', () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#pool.lost(client.lostReason);
      this.#replace();
    });
    return opener;
  }

  #replace(): void {
    if (!this.#closed) this.#current = this.#start();
  }
}

/** What a connection to an upstream of its own asks for; `undefined` if it has none. */
function wantsFor({ wants }: DialerOptions, { upstream }: DialOptions): Wants | undefined {
  return upstream === undefined ? undefined : { ...wants, upstream };
}

function carrierOf(client: MixnetClient, { size, surbs }: SessionOpener): Carrier {
  return { client, sessions: size, surbs };
}
