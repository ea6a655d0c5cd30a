import { FIRST_SURBS } from './limits.js';

/** The official client keeps so many SURBs per sender tag and drops the rest (sphinx.md section 9). */
const MAX_STORED = 200;

/** Leaves room for what is on its way. */
const MAX_TARGET = 120;

/** SURBs attached to one message at most: they fill 3 packets, which leaves one for data. */
const MAX_PER_MESSAGE = 10;

/**
 * What an opener knows of the SURBs it gave to one peer: how many it attached, and from the size of what arrived, how
 * many were spent. It is shared by all sessions of one client with one peer, because the peer stores SURBs per sender
 * tag.
 *
 * The stock it aims for starts at what one short reply needs and doubles whenever half of it is spent, so that a
 * request costs one packet and a long download never waits. When the estimate is wrong (retransmitted replies spend
 * SURBs unseen), the peer's official client asks for more by itself, at the price of a round trip.
 */
export class SurbStock {
  #estimate = 0;
  #target: number;
  #reserve = 0;

  /** @param target SURBs that the peer should have. */
  constructor(target = FIRST_SURBS) {
    this.#target = target;
  }

  /** SURBs that the peer has left, by our count. */
  get estimate(): number {
    return this.#estimate;
  }

  /**
   * Takes note of how many SURBs the peer's official client keeps to itself: 10 at a Rust peer, which uses the
   * defaults (sphinx.md section 9). {@link FIRST_SURBS} includes what our own peers keep.
   */
  peerKeeps(reserve: number): void {
    this.#reserve = reserve;
  }

  /** Has the peer have at least so many from now on, as far as the official client keeps them. */
  aimFor(count: number): void {
    this.#target = Math.max(this.#target, Math.min(MAX_TARGET, count));
  }

  /** The empty stock of another client of ours that goes on with what this one was doing. */
  successor(): SurbStock {
    return new SurbStock(this.#target);
  }

  /** Takes note that the peer lost them all, with its client. */
  lost(): void {
    this.#estimate = 0;
  }

  /** Takes note of SURBs that were attached to a message. */
  attached(count: number): void {
    this.#estimate = Math.min(MAX_STORED, this.#estimate + count);
  }

  /** Takes note of a message of `packets` packets from the peer. */
  spent(packets: number): void {
    this.#estimate = Math.max(0, this.#estimate - packets);
    if (this.#isLow()) this.#target = Math.min(MAX_TARGET, Math.max(8, 2 * this.#target));
  }

  /** SURBs that are worth a message of their own; 0 while the stock is above half of its target. */
  needed(): number {
    return this.#isLow() ? Math.min(MAX_PER_MESSAGE, this.#reserve + this.#target - this.#estimate) : 0;
  }

  /** SURBs that may be attached where a packet has room for them anyway. */
  welcome(): number {
    return Math.max(0, Math.min(MAX_PER_MESSAGE, 2 * this.#reserve + this.#target - this.#estimate));
  }

  #isLow(): boolean {
    return this.#estimate - this.#reserve <= this.#target / 2;
  }
}
