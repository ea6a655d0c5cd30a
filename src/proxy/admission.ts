import { AnswerRate } from '../admission/answer-rate.js';
import type { Gate, Opening } from '../session/gate.js';
import { RateLimit, RateLimits } from '../admission/rate-limit.js';
import type { Lane } from '../wire/lane.js';
import type { ResetCode } from '../wire/reset-code.js';
import type { Access } from './access.js';
import type { LimitName, SessionLimits } from './session-limits.js';

/** Sender tags whose rates are remembered. Who has more of them than that is held by the rate of all together. */
const MAX_SENDERS = 4096;

/** What an {@link Admission} decides by. */
export interface AdmissionOptions {
  readonly limits: SessionLimits;
  /** Asks for access tokens, if given. */
  readonly access?: Access | undefined;
  /** Whether there is an upstream of this name, or a default one (`undefined`). */
  readonly hasUpstream: (name: string | undefined) => boolean;
  /** A clock that does not go back, in ms. */
  readonly now: () => number;
  /** Told what was refused, and why. */
  readonly onRefusal: (limit: LimitName) => void;
}

/** A session that was let in. */
export interface Admitted {
  readonly senderTag: string;
  readonly upstream: string | undefined;
  /** The access token that its opener holds. */
  readonly token: string | undefined;
  /** Of a connection that several sessions carry together. */
  readonly lane: Lane | undefined;
}

const CODES: Partial<Record<LimitName, ResetCode>> = { token: 'token', 'upstream-name': 'no-upstream' };

/**
 * The limits that new sessions meet, in bounded memory. Who has no token is refused first, so that strangers cannot use
 * up what the others share.
 */
export class Admission implements Gate {
  readonly #options: AdmissionOptions;
  readonly #sessions = new Map<string, Admitted>();
  readonly #perSender = new Map<string, number>();
  readonly #rate: RateLimit;
  readonly #rates: RateLimits;
  readonly #answers: AnswerRate;
  #stopped = false;

  constructor(options: AdmissionOptions) {
    const { limits, now } = options;
    this.#options = options;
    this.#rate = new RateLimit(limits.sessionRate, now());
    this.#rates = new RateLimits(limits.sessionRatePerSender, MAX_SENDERS);
    this.#answers = new AnswerRate(now());
  }

  /** Sessions let in and not yet released. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Entries of every map and set, for those who want to see that they are bounded. */
  get remembered(): number {
    const { access } = this.#options;
    const rates = this.#rates.size + this.#answers.remembered;
    return this.#sessions.size + this.#perSender.size + rates + (access?.remembered ?? 0);
  }

  /** From now on only further lanes of open connections are let in. */
  stop(): void {
    this.#stopped = true;
  }

  admit(opening: Opening): ResetCode | undefined {
    const { access, hasUpstream, now } = this.#options;
    const { sessionId, senderTag, request } = opening;
    if (this.#stopped && (request?.lane?.number ?? 0) === 0) return 'limit';
    const token = access?.check(opening);
    if (access && token === undefined) return this.#refuse('token');
    if (!hasUpstream(request?.upstream)) return this.#refuse('upstream-name');
    const full = this.#reached(senderTag, now());
    if (full !== undefined) return this.#refuse(full);
    access?.use(opening);
    this.#rate.spend();
    this.#rates.of(senderTag, now()).spend();
    const { upstream, lane } = request ?? {};
    this.#sessions.set(sessionId, { senderTag, upstream, token, lane });
    this.#perSender.set(senderTag, this.#count(senderTag) + 1);
    return undefined;
  }

  mayAnswer(senderTag: string): boolean {
    return this.#answers.spend(senderTag, this.#options.now());
  }

  /** What a session was let in with. */
  admitted(sessionId: string): Admitted | undefined {
    return this.#sessions.get(sessionId);
  }

  /** A session that was let in has ended. */
  release(sessionId: string): void {
    const admitted = this.#sessions.get(sessionId);
    if (admitted === undefined) return;
    this.#sessions.delete(sessionId);
    const left = this.#count(admitted.senderTag) - 1;
    if (left > 0) this.#perSender.set(admitted.senderTag, left);
    else this.#perSender.delete(admitted.senderTag);
  }

  #reached(senderTag: string, now: number): LimitName | undefined {
    const { maxSessions, maxSessionsPerSender } = this.#options.limits;
    if (isFull(this.#sessions.size, maxSessions)) return 'sessions';
    if (isFull(this.#count(senderTag), maxSessionsPerSender)) return 'sessions-per-sender';
    if (!this.#rates.of(senderTag, now).allows(now)) return 'session-rate-per-sender';
    return this.#rate.allows(now) ? undefined : 'session-rate';
  }

  #count(senderTag: string): number {
    return this.#perSender.get(senderTag) ?? 0;
  }

  #refuse(limit: LimitName): ResetCode {
    this.#options.onRefusal(limit);
    return CODES[limit] ?? 'limit';
  }
}

function isFull(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}
