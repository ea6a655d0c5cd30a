import type { StripeRecord } from '../wire/stripe-record.js';

/** A record of the stream itself. */
export type StreamRecord = Exclude<StripeRecord, { type: 'welcome' }>;

/** Bytes of one record at most: less than a message of regular packets, which lanes take in turn. */
const STRIPE_BYTES = 4 * 1024;

/** What a lane that has room waits for. */
type Give = (record: StreamRecord | undefined) => void;

/**
 * Cuts one direction of a connection into records for whichever lane has room. Of those that have, the lowest gets the
 * next one, so that what is little stays on one lane.
 */
export class OutgoingStripes {
  readonly #waiting = new Map<number, Give>();
  readonly #used = new Set<number>();
  #bytes: Uint8Array = new Uint8Array();
  #written: (() => void) | undefined;
  #sent = 0;
  #finished = false;
  #ended = false;

  /** Bytes given to lanes. */
  get sent(): number {
    return this.#sent;
  }

  /** Bytes written and not yet given to a lane. */
  get unsent(): number {
    return this.#bytes.length;
  }

  /** Whether the end was given to a lane, after every byte. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether this lane was given anything. */
  hasUsed(lane: number): boolean {
    return this.#used.has(lane);
  }

  /** Takes bytes to send, which must not change until it settles: when lanes have taken all of them. */
  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.#ended) return;
    this.#bytes = bytes;
    const written = new Promise<void>((resolve) => (this.#written = resolve));
    this.#serve();
    await written;
  }

  /** No byte follows. */
  finish(): void {
    this.#finished = true;
    this.#serve();
  }

  /** The next record for a lane that has room; `undefined` when there will be none. */
  take(lane: number): Promise<StreamRecord | undefined> {
    const record = new Promise<StreamRecord | undefined>((resolve) => this.#waiting.set(lane, resolve));
    this.#serve();
    return record;
  }

  /** A lane is gone, which may be waiting for a record. */
  leave(lane: number): void {
    this.#waiting.get(lane)?.(undefined);
    this.#waiting.delete(lane);
  }

  /** Drops what was not given to a lane; no lane gets anything more. */
  abandon(): void {
    this.#bytes = new Uint8Array();
    this.#finished = this.#ended = true;
    this.#written?.();
    this.#serve();
  }

  #serve(): void {
    while (this.#waiting.size > 0) {
      const lane = Math.min(...this.#waiting.keys());
      const record = this.#next();
      if (record === undefined && !this.#ended) return;
      if (record !== undefined) this.#used.add(lane);
      const give = this.#waiting.get(lane);
      this.#waiting.delete(lane);
      give?.(record);
    }
  }

  /** The next record, if there is one now. */
  #next(): StreamRecord | undefined {
    if (this.#bytes.length > 0) return this.#cut();
    if (!this.#finished || this.#ended) return undefined;
    this.#ended = true;
    return { type: 'end', offset: this.#sent };
  }

  #cut(): StreamRecord {
    const bytes = this.#bytes.subarray(0, STRIPE_BYTES);
    const record: StreamRecord = { type: 'data', offset: this.#sent, bytes };
    this.#bytes = this.#bytes.subarray(bytes.length);
    this.#sent += bytes.length;
    if (this.#bytes.length === 0) this.#written?.();
    return record;
  }
}
