import { ReceiveBuffer } from '../session/bytes/receive-buffer.js';
import { ReceiveWindow } from '../session/bytes/receive-window.js';
import { FIRST_LIMIT, type LaneRecord } from '../wire/lane-record.js';

/** A record of the stream itself. */
export type StreamRecord = Extract<LaneRecord, { type: 'data' | 'end' }>;

/** What acknowledges one direction of a connection. */
export type AckRecord = Extract<LaneRecord, { type: 'ack' }>;

/**
 * Puts one direction of a connection together again, whichever lanes its bytes come over, and however often.
 *
 * Lanes are read as long as their bytes lie below a limit, which moves on as the application reads. So no lane waits for
 * another, what is held is never more than the window, and a reader that stops holds the sender back. A peer that sends
 * by the limit never has to wait; one that knows of none finds its lanes' own windows closed.
 */
export class IncomingLanes {
  readonly #bytes = new ReceiveBuffer();
  readonly #window = new ReceiveWindow(FIRST_LIMIT);
  #told = { offset: 0, limit: FIRST_LIMIT };
  #abandoned = false;
  #wakeReader: (() => void) | undefined;
  readonly #lanesWaiting = new Set<() => void>();

  constructor() {
    // Every peer may send so much untold.
    this.#window.announce();
  }

  /** Bytes of the stream that have come in order. */
  get received(): number {
    return this.#bytes.received;
  }

  /** Bytes that wait for those before them, or to be read. */
  get unread(): number {
    return this.#bytes.buffered;
  }

  /** Bytes that the peer may still send. */
  get granted(): number {
    return this.complete ? 0 : Math.max(0, this.#window.limit - this.#bytes.received);
  }

  /** Whether every byte up to the end has come. */
  get complete(): boolean {
    return this.#bytes.complete;
  }

  /** Whether the peer should hear now what has come, and how far it may send. */
  get ackDue(): boolean {
    return this.complete ? this.unacknowledged : this.#window.limit > this.#told.limit;
  }

  /** Whether anything has come that the peer has not heard of. */
  get unacknowledged(): boolean {
    return this.#told.offset < this.#bytes.acknowledged;
  }

  /** What to tell the peer now. */
  ack(): AckRecord {
    this.#told = { offset: this.#bytes.acknowledged, limit: this.#window.limit };
    return { type: 'ack', ...this.#told };
  }

  /** Grants no more than this many bytes ahead of what was read, from now on. */
  limitTo(bytes: number): void {
    this.#window.limitTo(bytes);
  }

  /**
   * Takes in a record; settles when its lane may go on.
   *
   * @throws {SessionError} `protocol` if it contradicts what has come.
   */
  async put(record: StreamRecord): Promise<void> {
    if (record.type === 'end') {
      this.#bytes.finish(record.offset);
    } else {
      const end = record.offset + record.bytes.length;
      while (record.offset >= this.#window.limit && !this.#abandoned) await this.#limitMoved();
      if (this.#abandoned) return;
      if (end >= this.#window.limit && record.offset > this.received) this.#window.filled();
      this.#bytes.insert(record.offset, record.bytes);
    }
    this.#wakeReader?.();
  }

  /**
   * The next bytes of the stream; `undefined` at its end, or when it is {@link abandon}ed. One reader at a time.
   *
   * @param now a clock in ms.
   */
  async read(now: () => number): Promise<Uint8Array | undefined> {
    while (!this.#abandoned) {
      const bytes = this.#bytes.take();
      if (bytes !== undefined) {
        this.#advance(now());
        return bytes;
      }
      if (this.#bytes.exhausted) return undefined;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    return undefined;
  }

  /** Nothing more will be read: lets every lane go on, and wakes the reader. */
  abandon(): void {
    this.#abandoned = true;
    this.#wakeReader?.();
    this.#letLanesGoOn();
  }

  /** The limit moves by a quarter of the window at least. */
  #advance(now: number): void {
    const { read } = this.#bytes;
    if (!this.#window.due(read)) return;
    this.#window.advance(read, now);
    this.#letLanesGoOn();
  }

  #limitMoved(): Promise<void> {
    return new Promise((resolve) => this.#lanesWaiting.add(resolve));
  }

  #letLanesGoOn(): void {
    const waiting = [...this.#lanesWaiting];
    this.#lanesWaiting.clear();
    for (const goOn of waiting) goOn();
  }
}
