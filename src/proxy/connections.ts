import { Listeners } from '../mixnet/listeners.js';
import type { Connection } from '../session/connection.js';
import { SessionError } from '../session/errors.js';
import type { ResetCode } from '../wire/reset-code.js';
import { joinStreams, type UpstreamConnection } from './join.js';
import type { LimitName } from './session-limits.js';
import { reportOf, type ProxyEvents } from './session-report.js';
import { ProxyStats, type ProxyCounts } from './stats.js';

/** The events of connections. */
export type ConnectionEvents = Pick<ProxyEvents, 'session' | 'end' | 'error'>;

/** What is on the other side of a connection through the mixnet. */
export interface Outside {
  /** Opens it; rejects with a {@link SessionError} that the peer is told. */
  readonly connect: () => Promise<UpstreamConnection>;
  /**
   * Called when the connection begins, with what breaks the outside off at once; returns what is called when the
   * connection is over.
   */
  readonly watch?: (cut: () => void) => () => void;
}

/** The connections of a client or server: carries them, counts them, and tells of them. */
export class Connections {
  readonly #listeners: { readonly [E in keyof ConnectionEvents]: Listeners<ConnectionEvents[E]> } = {
    session: new Listeners(),
    end: new Listeners(),
    error: new Listeners(),
  };
  readonly #stats = new ProxyStats();
  readonly #brokenBy: ResetCode;
  /** One for each connection under way: a single signal would collect the listeners of all. */
  readonly #cuts = new Set<AbortController>();
  #count = 0;

  /** @param brokenBy what a peer is told when the outside breaks without a {@link SessionError}. */
  constructor(brokenBy: ResetCode) {
    this.#brokenBy = brokenBy;
  }

  /** What was counted so far. */
  get counts(): ProxyCounts {
    return this.#stats.counts;
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof ConnectionEvents>(event: E, listener: (value: ConnectionEvents[E]) => void): () => void {
    return this.#listeners[event].add(listener);
  }

  /** Carries bytes between a connection and the outside until both have ended. Never rejects. */
  async carry(connection: Connection, { connect, watch }: Outside): Promise<void> {
    this.#count += 1;
    const number = this.#count;
    this.#stats.opened(connection);
    this.#listeners.session.call(reportOf(number, connection));
    const cut = new AbortController();
    this.#cuts.add(cut);
    const unwatch = watch?.(() => cut.abort());
    let outside: UpstreamConnection | undefined;
    try {
      outside = await connect();
      await joinStreams(connection, outside, cut.signal);
      await connection.closed;
      this.#stats.ended(connection);
      this.#listeners.end.call(reportOf(number, connection));
    } catch (cause) {
      const error =
        cause instanceof SessionError ? cause : new SessionError(this.#brokenBy, 'us', undefined, { cause });
      connection.reset(error);
      outside?.reset();
      await connection.closed.catch(() => undefined);
      this.#stats.reset(connection, error.code);
      this.#listeners.error.call({ session: reportOf(number, connection), error });
    } finally {
      this.#cuts.delete(cut);
      // What was written before a reset is held until the peer has it.
      if (unwatch) void (connection.drained ?? Promise.resolve()).then(unwatch);
    }
  }

  /** A connection could not be opened. */
  failed(error: Error): void {
    this.#count += 1;
    this.#stats.reset(undefined, error instanceof SessionError ? error.code : 'other');
    this.#listeners.error.call({ session: reportOf(this.#count), error });
  }

  /** A limit has refused or ended something. */
  refused(limit: LimitName): void {
    this.#stats.refused(limit);
  }

  /** Breaks the outside of every connection off: what it has not taken by then, it will not get. */
  cut(): void {
    for (const cut of this.#cuts) cut.abort();
  }
}
