interface Waiting<T> {
  readonly item: T;
  readonly packets: number;
  /** When it would be served if its owner had been alone since it came, in packets. */
  readonly due: number;
}

/**
 * Who is next to hand over a message, when messages of many sessions wait. Sessions take turns by packets: one that
 * says little is hardly held up by one that has much to say, and that one is not held up for ever by many that say
 * little.
 *
 * This is self-clocked fair queueing (S. J. Golestani, INFOCOM 1994) for owners that have one message waiting at a
 * time, as sessions do; then nothing has to be known of whose message is whose.
 */
export class Turns<T> {
  /** The next first; those that came earlier before others that are due as well. */
  readonly #waiting: Waiting<T>[] = [];
  /** What was due when it was served last. */
  #served = 0;
  #packets = 0;

  /** Packets of the messages that wait. */
  get packets(): number {
    return this.#packets;
  }

  /** Adds a message of so many packets. */
  add(item: T, packets: number): void {
    const due = this.#served + packets;
    const later = this.#waiting.findLastIndex((waiting) => waiting.due <= due);
    this.#waiting.splice(later + 1, 0, { item, packets, due });
    this.#packets += packets;
  }

  /** Takes out what is next; `undefined` if nothing waits. */
  next(): T | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    this.#served = next.due;
    this.#packets -= next.packets;
    return next.item;
  }
}
