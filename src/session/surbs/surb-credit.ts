import { DEFAULT_REPLY_SURB_RESERVE } from '../../mixnet/options.js';
import type { Frame } from '../../wire/frame.js';
import { FLOWING_SURBS, IDLE_SURBS, MAX_SURBS_WANTED } from '../limits.js';

/** What an acceptor says of the SURBs it was given: see DEMAND in `frame.ts`. */
export interface Demand {
  readonly used: number;
  readonly wanted: number;
}

/**
 * The SURBs that an acceptor may reply with to one mixnet client of an opener: how many there are, and how many it wants.
 * It replies as far as they reach, and says what it waits for; so the opener gives neither too few, for which the official
 * client would ask at the price of a round trip, nor more than are used.
 *
 * The opener counts them and states the count with what it brings (SUPPLY); until it does, what every opener brings at
 * least is assumed. The count may be wrong, since a lost reply spends SURBs unseen, but that does no harm: a session that
 * has waited in vain replies anyway, and the official client asks.
 */
export class SurbCredit {
  #given = 0;
  #used = 0;
  #told = false;
  #silent = false;
  #flowing = FLOWING_SURBS;
  readonly #wants = new Map<object, number>();
  readonly #waiting = new Set<() => void>();

  /** Packets that may be replied with. */
  get usable(): number {
    return this.#silent ? Infinity : Math.max(0, this.#given - this.#used - DEFAULT_REPLY_SURB_RESERVE);
  }

  /** Entries kept of sessions that want SURBs or wait for them; lets tests and metrics check that memory is bounded. */
  get remembered(): number {
    return this.#wants.size + this.#waiting.size;
  }

  /** What to tell the opener; `undefined` if it has given enough, or keeps the credit up by itself. */
  get demand(): Demand | undefined {
    const wanted = this.#wanted;
    return this.#silent || this.#given >= this.#used + wanted ? undefined : { used: this.#used, wanted };
  }

  /**
   * A legacy message has come, which brings at least so many. If a SUPPLY that counts them has overtaken it, they count
   * twice until the next one: the official client asks for what is missing then.
   */
  brought(surbs: number): void {
    this.#given += surbs;
    this.#wake();
  }

  /** A message in frames has come; without SUPPLY the opener keeps the credit up by itself. */
  heard(frames: readonly Frame[]): void {
    const supply = frames.find((frame) => frame.type === 'supply');
    if (supply !== undefined) this.#supplied(supply.total, supply.here);
    else if (!this.#told) this.#silent = true;
  }

  /** A reply of so many packets goes out. What it needs beyond the credit, the official client asks for by itself. */
  spent(packets: number): void {
    this.#used = Math.min(this.#given, this.#used + packets);
  }

  /** A session has so many packets to reply with, and probably more to come if it is flowing. */
  want(session: object, packets: number, flowing: boolean): void {
    if (packets > 0) this.#wants.set(session, flowing ? Math.max(packets, this.#flowing) : packets);
    else this.#wants.delete(session);
  }

  /** A session does not reply here any more; `wake` is what it may have passed to {@link whenMore}. */
  leave(session: object, wake: () => void): void {
    this.#wants.delete(session);
    this.#waiting.delete(wake);
  }

  /**
   * Calls `wake` once more SURBs arrive. To run dry despite having asked means that too few were asked for per round
   * trip, so from now on more are.
   */
  whenMore(wake: () => void): void {
    if (this.#told && this.#waiting.size === 0) this.#flowing = Math.min(MAX_SURBS_WANTED, 2 * this.#flowing);
    this.#waiting.add(wake);
  }

  /** At the first SUPPLY, SURBs that were not counted here were used by the process before a restart. */
  #supplied(total: number, here: number): void {
    this.#silent = false;
    if (!this.#told) {
      this.#told = true;
      const before = Math.max(0, total - here - this.#given);
      this.#used += before;
      this.#given += before;
    }
    if (total <= this.#given) return;
    this.#given = total;
    this.#wake();
  }

  get #wanted(): number {
    let sum = IDLE_SURBS;
    for (const packets of this.#wants.values()) sum += packets;
    return Math.min(MAX_SURBS_WANTED, DEFAULT_REPLY_SURB_RESERVE + sum);
  }

  /** Those that have waited longest first. */
  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
