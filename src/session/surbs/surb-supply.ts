import { FIRST_SURBS, MAX_SURBS_WANTED } from '../limits.js';
import type { Demand } from './surb-credit.js';

/** The official client keeps so many SURBs per sender tag and drops the rest. */
const MAX_STORED = 200;

/** Leaves room for what is on its way. */
const MAX_TARGET = 120;

/** SURBs attached to one message at most: they fill 3 packets, which leaves one for data. */
export const MAX_SURBS_PER_MESSAGE = 10;

/** The same for a message that carries as much of the stream as it can: less than half of it. */
const MAX_BESIDE_STREAM = 6;

/**
 * The SURBs that an opener has given to one peer: how many it attached, and from the size of what arrived, how many were
 * spent. All sessions of one client with one peer share it, because the peer stores SURBs per sender tag, and counts them
 * for as long as this client lives.
 *
 * An acceptor of ours says what it wants ({@link demanded}). For all others the target starts at what one short reply
 * needs and doubles whenever half of it is spent, so that a request costs one packet and a long download never waits. When
 * the estimate is wrong (retransmitted replies spend SURBs unseen), the peer's official client asks for more by itself, at
 * the price of a round trip.
 */
export class SurbSupply {
  #estimate = 0;
  #given = 0;
  #demand: Demand | undefined;
  #target: number;
  /** What the application asked for; given as soon as it can be. */
  #promised = 0;
  #reserve = 0;

  /** @param target SURBs that the peer should have. */
  constructor(target = FIRST_SURBS) {
    this.#target = target;
  }

  /** SURBs that the peer has left, by our count. */
  get estimate(): number {
    return this.#estimate;
  }

  /** SURBs given to the peer so far. */
  get given(): number {
    return this.#given;
  }

  /** Takes note of what the peer says that it has used and wants; what overtook it counts. */
  demanded({ used, wanted }: Demand): void {
    if (this.#demand !== undefined && used < this.#demand.used) return;
    this.#demand = { used: Math.min(used, this.#given), wanted: Math.min(wanted, MAX_SURBS_WANTED) };
  }

  /**
   * Takes note of how many SURBs the peer's official client keeps to itself: 10 at a Rust peer, which uses the
   * defaults. {@link FIRST_SURBS} includes what our own peers keep.
   */
  peerKeeps(reserve: number): void {
    this.#reserve = reserve;
  }

  /** Has the peer given so many at once, and kept above half of that from then on; 120 at most. */
  aimFor(count: number): void {
    this.#target = Math.max(this.#target, Math.min(MAX_TARGET, count));
    this.#promised = Math.min(MAX_TARGET, count);
  }

  /** The empty supply of another client of ours that goes on with what this one was doing. */
  successor(): SurbSupply {
    return new SurbSupply(this.#target);
  }

  /** Takes note that the peer lost them all, with its client. */
  lost(): void {
    this.#estimate = 0;
    this.#demand = undefined;
  }

  /** Takes note of SURBs that were attached to a message. */
  attached(count: number): void {
    this.#given += count;
    this.#estimate = Math.min(MAX_STORED, this.#estimate + count);
    if (this.#estimate >= this.#promised) this.#promised = 0;
  }

  /** Takes note of a message of `packets` packets from the peer. */
  spent(packets: number): void {
    this.#estimate = Math.max(0, this.#estimate - packets);
    if (this.#isLow()) this.#target = Math.min(MAX_TARGET, Math.max(8, 2 * this.#target));
  }

  /**
   * SURBs that are worth a message of their own; 0 while the peer has above half of what it should have.
   *
   * @param streamEnded whether the peer has sent all: then it needs them for acknowledgements only, one at a time.
   */
  due(streamEnded: boolean): number {
    return streamEnded && this.#estimate > 0 ? 0 : this.needed();
  }

  /**
   * SURBs to go with a message of the stream, which has no room left over: what the peer misses, before it would be
   * worth a message, and no more than leaves most of the message to the stream.
   *
   * @param streamEnded as of {@link due}.
   */
  besideStream(streamEnded: boolean): number {
    if (streamEnded && this.#estimate > 0) return 0;
    return Math.min(MAX_BESIDE_STREAM, this.#demand === undefined ? this.needed() : this.#unmet);
  }

  /** As {@link due}, while the peer's stream goes on. */
  needed(): number {
    if (this.#promised > this.#estimate)
      return Math.min(MAX_SURBS_PER_MESSAGE, this.#promised - this.#estimate);
    if (this.#demand !== undefined) {
      const enough = Math.min(MAX_SURBS_PER_MESSAGE, this.#demand.wanted / 2);
      return this.#unmet >= enough ? Math.min(MAX_SURBS_PER_MESSAGE, this.#unmet) : 0;
    }
    return this.#isLow() ? Math.min(MAX_SURBS_PER_MESSAGE, this.#reserve + this.#target - this.#estimate) : 0;
  }

  /** SURBs that may be attached where a packet has room for them anyway. */
  welcome(): number {
    if (this.#demand !== undefined) return Math.min(MAX_SURBS_PER_MESSAGE, this.#unmet);
    return Math.max(0, Math.min(MAX_SURBS_PER_MESSAGE, 2 * this.#reserve + this.#target - this.#estimate));
  }

  get #unmet(): number {
    return this.#demand === undefined
      ? 0
      : Math.max(0, this.#demand.used + this.#demand.wanted - this.#given);
  }

  #isLow(): boolean {
    return this.#estimate - this.#reserve <= this.#target / 2;
  }
}
