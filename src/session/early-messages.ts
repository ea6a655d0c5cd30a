import type { LegacyMessage } from './envelope.js';
import type { SessionId } from '../wire/session-id.js';

/** What is kept of sessions that are not open yet, of all of them together. */
export interface EarlyLimits {
  readonly messages: number;
  readonly bytes: number;
  /** How long each is kept. */
  readonly ms: number;
}

/**
 * Enough for a hundred streams whose Opens are late by the whole of what may follow them within a round trip; ten times
 * as long as the official client takes to send a lost packet again.
 */
export const EARLY_LIMITS: EarlyLimits = { messages: 1024, bytes: 4 * 1024 * 1024, ms: 20_000 };

/** A message, and who sent it. */
export interface EarlyMessage {
  readonly message: LegacyMessage;
  readonly senderTag: string;
}

interface Kept extends EarlyMessage {
  readonly until: number;
}

/**
 * Messages that have overtaken the one that opens their session. Anyone can send such, so the oldest make room for new
 * ones: who wants to push out those of others has to go on sending.
 */
export class EarlyMessages {
  readonly #limits: EarlyLimits;
  /** Oldest first. */
  readonly #kept = new Set<Kept>();
  readonly #bySession = new Map<SessionId, Set<Kept>>();
  #bytes = 0;

  constructor(limits = EARLY_LIMITS) {
    this.#limits = limits;
  }

  /** Messages kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** Bytes in them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a message, or does not if it alone is too large. */
  keep({ message, senderTag }: EarlyMessage, now: number): void {
    const { messages, bytes, ms } = this.#limits;
    const kept = { message: { ...message, body: message.body.slice() }, senderTag, until: now + ms };
    this.#kept.add(kept);
    this.#bytes += message.body.length;
    const ofSession = this.#bySession.get(message.sessionId);
    if (ofSession) ofSession.add(kept);
    else this.#bySession.set(message.sessionId, new Set([kept]));
    for (const oldest of this.#kept) {
      const fits = this.#kept.size <= messages && this.#bytes <= bytes;
      if (fits && oldest.until > now) return;
      this.#drop(oldest);
    }
  }

  /** Takes out those of one session, in the order in which they came. */
  take(sessionId: SessionId): EarlyMessage[] {
    const ofSession = [...(this.#bySession.get(sessionId) ?? [])];
    for (const kept of ofSession) this.#drop(kept);
    return ofSession;
  }

  #drop(kept: Kept): void {
    const { sessionId, body } = kept.message;
    this.#kept.delete(kept);
    this.#bytes -= body.length;
    const ofSession = this.#bySession.get(sessionId);
    ofSession?.delete(kept);
    if (ofSession?.size === 0) this.#bySession.delete(sessionId);
  }
}
