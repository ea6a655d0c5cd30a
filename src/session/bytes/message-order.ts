import type { LegacyMessage } from '../envelope.js';
import { protocolError, SessionError } from '../errors.js';
import { MAX_GAPS } from '../limits.js';

/** How the messages of a direction are counted. */
export interface Counting {
  /** Ids count modulo this; 65,536 unless given. */
  readonly messageIds?: number;
  /** Whether an `open` comes before the first that is counted. */
  readonly awaitsOpen?: boolean;
}

/**
 * Puts the messages of legacy mode in order by their ids, across the wrap, dropping duplicates. A gap stays a gap:
 * nothing behind it is ever handed out before it is filled.
 */
export class MessageOrder<M extends Omit<LegacyMessage, 'sessionId'> = LegacyMessage> {
  readonly #pending = new Map<number, M>();
  readonly #ids: number;
  #awaitsOpen: boolean;
  #pendingBytes = 0;
  #first: number;
  #expected: number;
  #delivered = 0;

  /** @param first the id that the peer's first message usually has: 1 for a Rust client of the proxy, else 0. */
  constructor(first: number, { messageIds = 0x1_0000, awaitsOpen = false }: Counting = {}) {
    this.#ids = messageIds;
    this.#awaitsOpen = awaitsOpen;
    this.#first = first;
    this.#expected = first;
  }

  /** Whether messages wait for a missing one. */
  get hasGap(): boolean {
    return this.#pending.size > 0;
  }

  /** Bytes in messages that wait behind a gap. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Takes in a message and returns all that are now in order.
   *
   * @throws {SessionError} `limit` if too many messages wait behind a gap; `protocol` if the first comes behind others
   *   that were taken for it.
   */
  insert(message: M): M[] {
    const id = message.messageId;
    if (message.kind === 'open') return this.#open(message);
    if (id === 0 && this.#first === 1) this.#startAtZero();
    const ahead = (id - this.#expected + this.#ids) % this.#ids;
    if (ahead >= this.#ids / 2 || this.#pending.has(id)) return [];
    this.#pending.set(id, message);
    this.#pendingBytes += message.body.length;
    if (this.#pending.size > MAX_GAPS) {
      throw new SessionError('limit', 'us', `more than ${MAX_GAPS} messages wait for a missing one`);
    }
    return this.#takeReady();
  }

  #open(message: M): M[] {
    if (!this.#awaitsOpen) return [];
    this.#awaitsOpen = false;
    return [message, ...this.#takeReady()];
  }

  #startAtZero(): void {
    // Near the wrap, id 0 is the next one after the highest, and may overtake those before it.
    if (this.#delivered >= this.#ids - 1 || this.#expected >= this.#ids / 2) return;
    if (this.#delivered > 0)
      throw protocolError('the peer counts its messages from 0, and the first came too late');
    this.#first = 0;
    this.#expected = 0;
  }

  #takeReady(): M[] {
    const ready: M[] = [];
    if (this.#awaitsOpen) return ready;
    for (;;) {
      const next = this.#pending.get(this.#expected);
      if (next === undefined) return ready;
      this.#pending.delete(this.#expected);
      this.#pendingBytes -= next.body.length;
      this.#expected = (this.#expected + 1) % this.#ids;
      this.#delivered += 1;
      ready.push(next);
    }
  }
}
