import type { ProxiedMessage } from '../wire/proxied-message.js';
import { protocolError, SessionError } from './errors.js';
import { MAX_PENDING_PIECES } from './limits.js';

/** Message ids are 16 bits and wrap. */
const ID_SPACE = 0x1_0000;

/**
 * Puts the messages of the Rust way in order by their ids, across the wrap at 65,536, dropping duplicates. A gap
 * stays a gap: nothing behind it is ever handed out before it is filled.
 */
export class MessageOrder {
  readonly #pending = new Map<number, ProxiedMessage>();
  #pendingBytes = 0;
  #first: 0 | 1;
  #expected: number;
  #delivered = 0;

  /** @param first the id that the peer's first message usually has: 1 for a Rust client, 0 for all others. */
  constructor(first: 0 | 1) {
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
  insert(message: ProxiedMessage): ProxiedMessage[] {
    const id = message.messageId;
    if (id === 0 && this.#first === 1) this.#startAtZero();
    const ahead = (id - this.#expected + ID_SPACE) % ID_SPACE;
    if (ahead >= ID_SPACE / 2 || this.#pending.has(id)) return [];
    this.#pending.set(id, message);
    this.#pendingBytes += message.body.length;
    if (this.#pending.size > MAX_PENDING_PIECES) {
      throw new SessionError(
        'limit',
        'us',
        `more than ${MAX_PENDING_PIECES} messages wait for a missing one`,
      );
    }
    return this.#takeReady();
  }

  #startAtZero(): void {
    if (this.#delivered >= ID_SPACE - 1) return;
    if (this.#delivered > 0)
      throw protocolError('the peer counts its messages from 0, and the first came too late');
    this.#first = 0;
    this.#expected = 0;
  }

  #takeReady(): ProxiedMessage[] {
    const ready: ProxiedMessage[] = [];
    for (;;) {
      const next = this.#pending.get(this.#expected);
      if (next === undefined) return ready;
      this.#pending.delete(this.#expected);
      this.#pendingBytes -= next.body.length;
      this.#expected = (this.#expected + 1) % ID_SPACE;
      this.#delivered += 1;
      ready.push(next);
    }
  }
}
