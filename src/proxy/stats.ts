import type { Connection } from '../session/connection.js';
import type { SessionErrorCode } from '../session/errors.js';
import type { LimitName } from './session-limits.js';

/** A connection, as far as it is counted. */
type Counted = Pick<Connection, 'stats'>;

/** Why a session ended that was not done: a reset code, or `other` for what is no reset. */
export type ResetReason = SessionErrorCode | 'other';

/** What a client or server has done since it was created. */
export interface ProxyCounts {
  readonly sessionsOpen: number;
  readonly sessionsOpened: number;
  /** Done, with all bytes delivered. */
  readonly sessionsEnded: number;
  readonly resets: ReadonlyMap<ResetReason, number>;
  /** What limits have refused or ended; at a server. */
  readonly refusals: ReadonlyMap<LimitName, number>;
  /** Bytes of all sessions' data that this end has sent into the mixnet. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Counts sessions and their bytes. */
export class ProxyStats {
  readonly #open = new Set<Counted>();
  readonly #resets = new Map<ResetReason, number>();
  readonly #refusals = new Map<LimitName, number>();
  #opened = 0;
  #ended = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  /** What was counted so far, the open sessions' bytes included. */
  get counts(): ProxyCounts {
    const open = [...this.#open].map((session) => session.stats());
    return {
      sessionsOpen: open.length,
      sessionsOpened: this.#opened,
      sessionsEnded: this.#ended,
      resets: new Map(this.#resets),
      refusals: new Map(this.#refusals),
      bytesSent: open.reduce((sum, session) => sum + session.bytesSent, this.#bytesSent),
      bytesReceived: open.reduce((sum, session) => sum + session.bytesReceived, this.#bytesReceived),
    };
  }

  opened(session: Counted): void {
    this.#opened += 1;
    this.#open.add(session);
  }

  ended(session: Counted): void {
    this.#ended += 1;
    this.#close(session);
  }

  /** A session was reset, or could not even be opened (`undefined`). */
  reset(session: Counted | undefined, reason: ResetReason): void {
    this.#resets.set(reason, (this.#resets.get(reason) ?? 0) + 1);
    if (session) this.#close(session);
  }

  refused(limit: LimitName): void {
    this.#refusals.set(limit, (this.#refusals.get(limit) ?? 0) + 1);
  }

  #close(session: Counted): void {
    if (!this.#open.delete(session)) return;
    const { bytesSent, bytesReceived } = session.stats();
    this.#bytesSent += bytesSent;
    this.#bytesReceived += bytesReceived;
  }
}
