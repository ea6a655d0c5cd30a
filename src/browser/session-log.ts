import type { Connection } from '../session/connection.js';
import { SessionError } from '../session/errors.js';
import type { SessionSnapshot } from './tunnel-state.js';

/** Ended sessions that can still be looked at. */
const KEPT = 20;

interface Entry {
  readonly number: number;
  readonly openedAt: number;
  readonly session: Connection;
}

/** What there is to see of a tunnel's sessions, without their ids. */
export class SessionLog {
  readonly #open = new Set<Entry>();
  #ended: SessionSnapshot[] = [];
  #count = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #roundTripMs: number | undefined;

  /** Follows a session to its end. */
  add(session: Connection): void {
    this.#count += 1;
    const entry = { number: this.#count, openedAt: Date.now(), session };
    this.#open.add(entry);
    session.closed.then(
      () => this.#end(entry, 'ended', undefined),
      (error: unknown) => this.#end(entry, 'reset', reasonOf(error)),
    );
  }

  /** The open sessions and the last that ended, oldest first, and the sums of all. */
  look() {
    const open = [...this.#open].map((entry) => snapshotOf(entry, 'open', undefined));
    const sum = (of: (session: SessionSnapshot) => number) => open.reduce((total, one) => total + of(one), 0);
    const measured = open.findLast(({ roundTripMs }) => roundTripMs !== undefined)?.roundTripMs;
    return {
      sessions: [...this.#ended, ...open].sort((a, b) => a.number - b.number),
      bytesSent: this.#bytesSent + sum(({ bytesSent }) => bytesSent),
      bytesReceived: this.#bytesReceived + sum(({ bytesReceived }) => bytesReceived),
      roundTripMs: measured ?? this.#roundTripMs,
    };
  }

  #end(entry: Entry, state: 'ended' | 'reset', error: SessionSnapshot['error']): void {
    this.#open.delete(entry);
    const last = snapshotOf(entry, state, error);
    this.#bytesSent += last.bytesSent;
    this.#bytesReceived += last.bytesReceived;
    this.#roundTripMs = last.roundTripMs ?? this.#roundTripMs;
    this.#ended = [...this.#ended, last].slice(-KEPT);
  }
}

function snapshotOf(
  { number, openedAt, session }: Entry,
  state: SessionSnapshot['state'],
  error: SessionSnapshot['error'],
): SessionSnapshot {
  const { bytesSent, bytesReceived, bytesBuffered: held, roundTripMs } = session.stats();
  const bytesBuffered = state === 'open' ? held : 0;
  return { number, state, openedAt, bytesSent, bytesReceived, bytesBuffered, roundTripMs, error };
}

/** Sessions end with no other errors. */
function reasonOf(error: unknown): SessionSnapshot['error'] {
  if (error instanceof SessionError) return { code: error.code, message: error.message };
  return { code: 'unknown', message: String(error) };
}
