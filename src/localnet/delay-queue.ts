/** What a node may hold by default: about 22,000 packets of the regular size. */
export const HELD_BYTES_LIMIT = 64 * 1024 * 1024;

/** What a held packet costs on top of its own bytes, roughly. */
const ENTRY_BYTES = 512;
/** Timers count whole milliseconds; what is due within half of one is due now. */
const EARLY_MS = 0.5;
/** How many are released in one go, a few milliseconds of unwrapping, before sockets and ports get their turn. */
const RELEASED_AT_ONCE = 32;

interface Entry {
  readonly due: number;
  /** Order of arrival, for those due at the same time. */
  readonly order: number;
  readonly bytes: number;
  readonly release: (lateMs: number) => void;
}

/**
 * Holds packets until their delays are over, to about half a millisecond, and releases them in the order in which they
 * are due. One timer and a heap: a timer for each packet would cost as much, be less exact and keep no order.
 */
export class DelayQueue {
  readonly #limit: number;
  readonly #now: () => number;
  /** A binary heap: each entry is due before its children, at 2i + 1 and 2i + 2. */
  #heap: Entry[] = [];
  #bytes = 0;
  #order = 0;
  #wakeAt = Infinity;
  #cancelWake = (): void => undefined;

  /**
   * @param limit how many bytes may be held, a little overhead for each packet included
   * @param now a clock in ms that never goes back
   */
  constructor(limit = HELD_BYTES_LIMIT, now = (): number => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** How many are held. */
  get size(): number {
    return this.#heap.length;
  }

  /**
   * Calls `release`, which must not throw, after `delayMs`, never before this returns, and says how many ms late.
   * @param bytes length of what is held
   * @returns false if there is no room; then `release` is not called
   */
  hold(delayMs: number, bytes: number, release: (lateMs: number) => void): boolean {
    const cost = bytes + ENTRY_BYTES;
    if (this.#bytes + cost > this.#limit) return false;
    this.#bytes += cost;
    this.#push({ due: this.#now() + delayMs, order: this.#order++, bytes: cost, release });
    this.#wakeInTime();
    return true;
  }

  /** Forgets all that is held, and returns how many that were. */
  clear(): number {
    const forgotten = this.#heap.length;
    this.#heap = [];
    this.#bytes = 0;
    this.#cancel();
    return forgotten;
  }

  #releaseDue(): void {
    this.#wakeAt = Infinity;
    const now = this.#now();
    for (let released = 0; released < RELEASED_AT_ONCE; released += 1) {
      const first = this.#heap[0];
      if (first === undefined || first.due > now + EARLY_MS) break;
      this.#pop();
      this.#bytes -= first.bytes;
      first.release(Math.max(0, now - first.due));
    }
    this.#wakeInTime();
  }

  #wakeInTime(): void {
    const first = this.#heap[0];
    if (first === undefined || first.due >= this.#wakeAt) return;
    this.#cancel();
    this.#wakeAt = first.due;
    const wait = first.due - this.#now();
    if (wait <= EARLY_MS) {
      const immediate = setImmediate(() => this.#releaseDue());
      this.#cancelWake = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(() => this.#releaseDue(), Math.round(wait));
      this.#cancelWake = () => clearTimeout(timer);
    }
  }

  #cancel(): void {
    this.#cancelWake();
    this.#wakeAt = Infinity;
  }

  #push(entry: Entry): void {
    let index = this.#heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      this.#heap[index] = parent;
      index = above;
    }
    this.#heap[index] = entry;
  }

  /** Removes the first entry. */
  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let index = 0;
    for (;;) {
      const below = this.#earlierChild(index);
      const child = this.#heap[below];
      if (child === undefined || isBefore(last, child)) break;
      this.#heap[index] = child;
      index = below;
    }
    this.#heap[index] = last;
  }

  #earlierChild(index: number): number {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    return right !== undefined && left !== undefined && isBefore(right, left) ? 2 * index + 2 : 2 * index + 1;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
