import { tooMuchHeld } from '../admission/held-bytes.js';
import type { ResetCode } from '../wire/reset-code.js';
import type { LimitName, SessionLimits } from './session-limits.js';

/** A session, as far as it is watched. */
export interface WatchedSession {
  /** Whose it is: of the mixnet client that opened it. */
  readonly senderTag: string;
  /** Bytes carried so far, both ways. */
  readonly bytesCarried: number;
  /** Bytes held for it. */
  readonly bytesBuffered: number;
  /** Whether its access token is still good, or it needs none. */
  readonly mayStay: boolean;
}

/** A limit that a session has reached, and what it is reset with. */
export interface Verdict<S> {
  readonly session: S;
  readonly limit: LimitName;
  readonly code: ResetCode;
  readonly reason: string;
}

interface Seen {
  readonly bytes: number;
  /** When the count of bytes changed last, or the session came up. */
  readonly at: number;
}

/** The limits that open sessions meet; to be asked every now and then. */
export class SessionWatch<S extends WatchedSession> {
  readonly #limits: SessionLimits;
  readonly #seen = new Map<S, Seen>();

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** Sessions watched. */
  get size(): number {
    return this.#seen.size;
  }

  add(session: S, now: number): void {
    this.#seen.set(session, { bytes: 0, at: now });
  }

  remove(session: S): void {
    this.#seen.delete(session);
  }

  /** The sessions that have to go, each once. */
  check(now: number): Verdict<S>[] {
    const verdicts: Verdict<S>[] = [];
    for (const [session, seen] of this.#seen) {
      const verdict = session.mayStay ? this.#silence(session, seen, now) : revoked(session);
      if (verdict) verdicts.push(verdict);
    }
    const going = new Set(verdicts.map(({ session }) => session));
    return [...verdicts, ...this.#tooMuchHeld(going)];
  }

  #silence(session: S, seen: Seen, now: number): Verdict<S> | undefined {
    const { firstByteTimeoutMs, idleTimeoutMs } = this.#limits;
    const bytes = session.bytesCarried;
    if (bytes !== seen.bytes) {
      this.#seen.set(session, { bytes, at: now });
      return undefined;
    }
    const silentMs = now - seen.at;
    if (bytes === 0 && isOver(silentMs, firstByteTimeoutMs)) {
      const reason = `no byte came within ${firstByteTimeoutMs / 1000} s`;
      return { session, limit: 'first-byte', code: 'timeout', reason };
    }
    if (!isOver(silentMs, idleTimeoutMs)) return undefined;
    const reason = `nothing was carried for ${idleTimeoutMs / 1000} s`;
    return { session, limit: 'idle', code: 'timeout', reason };
  }

  #tooMuchHeld(going: ReadonlySet<S>): Verdict<S>[] {
    const staying = [...this.#seen.keys()].filter((session) => !going.has(session));
    const victims = tooMuchHeld(staying, ({ senderTag }) => senderTag, this.#limits.maxBufferedBytes);
    const reason = 'the sessions together hold more bytes than allowed, and those of its sender most';
    return victims.map((session) => ({ session, limit: 'buffered-bytes', code: 'limit', reason }));
  }
}

function revoked<S>(session: S): Verdict<S> {
  return { session, limit: 'token', code: 'token', reason: 'its access token was revoked' };
}

function isOver(ms: number, limitMs: number): boolean {
  return limitMs > 0 && ms >= limitMs;
}
