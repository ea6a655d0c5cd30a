import { DEFAULT_REPLY_SURB_RESERVE } from '../mixnet/options.js';
import type { Frame } from '../wire/frame.js';
import { FLOWING_SURBS, IDLE_SURBS, MAX_SURBS_WANTED } from './limits.js';

/** What an acceptor says of the SURBs it was given: see DEMAND in `frame.ts`. */
export interface Demand {
  readonly used: number;
  readonly wanted: number;
}

/**
 * What an acceptor knows of the SURBs that one mixnet client of an opener has given to it: how many there are, and how
 * many it wants. It replies as far as they reach, and says what it waits for; so the opener gives neither too few, for
 * which the official client would ask at the price of a round trip, nor more than are used.
 *
 * The count is the opener's, who says it with what it brings (SUPPLY); until it does, what every opener brings at least
 * is assumed. It may be wrong, since a lost reply spends SURBs unseen, but never does any harm: who has waited in vain
 * replies anyway, and the official client asks.
 */
export class ReplyStock {
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

  /** Sessions that want SURBs or wait for them, each counted for both, for those who want to see that it is bounded. */
  get remembered(): number {
    return this.#wants.size + this.#waiting.size;
  }

  /** What to tell the opener; `undefined` if it has given enough, or does not want to know. */
  get demand(): Demand | undefined {
    const wanted = this.#wanted;
    return this.#silent || this.#given >= this.#used + wanted ? undefined : { used: this.#used, wanted };
  }

  /** A message in the Rust way has come, which brings so many at least. */
  brought(surbs: number): void {
    if (this.#told) return;
    this.#given += surbs;
    this.#wake();
  }

  /** A message in frames has come; without SUPPLY the opener looks after the stock by itself. */
  heard(frames: readonly Frame[]): void {
    const supply = frames.find((frame) => frame.type === 'supply');
    if (supply !== undefined) this.#supplied(supply.total, supply.here);
    else if (!this.#told) this.#silent = true;
  }

  /** A reply of so many packets goes out. What it needs beyond the stock, the official client asks for by itself. */
  spent(packets: number): void {
    this.#used = Math.min(this.#given, this.#used + packets);
  }

  /** A session has so many packets to reply with, and probably more to come if it is flowing. */
  want(session: object, packets: number, flowing: boolean): void {
    if (packets > 0) this.#wants.set(session, flowing ? Math.max(packets, this.#flowing) : packets);
    else this.#wants.delete(session);
  }

  /** A session replies here no more; `wake` is the one that it may have left. */
  leave(session: object, wake: () => void): void {
    this.#wants.delete(session);
    this.#waiting.delete(wake);
  }

  /** Calls `wake` once, when there are more SURBs. Had they been asked for, they were too few for the way they take. */
  whenMore(wake: () => void): void {
    if (this.#told && this.#waiting.size === 0) this.#flowing = Math.min(MAX_SURBS_WANTED, 2 * this.#flowing);
    this.#waiting.add(wake);
  }

  /**
   * If that is the first that is heard of it here, what is not known of has been used, by whoever was here before a
   * restart.
   */
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
