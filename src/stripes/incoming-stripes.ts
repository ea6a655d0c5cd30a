import { protocolError } from '../session/errors.js';
import type { StreamRecord } from './outgoing-stripes.js';

interface Waiting {
  readonly record: Extract<StreamRecord, { type: 'data' }>;
  readonly taken: () => void;
}

/**
 * Puts one direction of a connection together again. Offsets rise on each lane, so it is enough to keep one record of
 * each: the lane whose record comes next in the stream is never held up, and the others' windows close meanwhile.
 */
export class IncomingStripes {
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #end: number | undefined;
  #wake: (() => void) | undefined;

  /** Bytes of the stream that were read. */
  get received(): number {
    return this.#next;
  }

  /** Bytes that wait for those before them, or to be read. */
  get unread(): number {
    return [...this.#waiting.values()].reduce((sum, { record }) => sum + record.bytes.length, 0);
  }

  /** Whether the stream has been read to its end. */
  get exhausted(): boolean {
    return this.#next === this.#end;
  }

  /**
   * Takes in a lane's next record; settles when the lane may go on.
   *
   * @throws {SessionError} `protocol` if it is not to be had, next to what else came.
   */
  async put(lane: number, record: StreamRecord): Promise<void> {
    if (record.type === 'end') {
      this.#endAt(record.offset);
      return;
    }
    const { offset, bytes } = record;
    if (offset < this.#next) throw protocolError('a stripe came twice');
    if (offset + bytes.length > (this.#end ?? Infinity)) throw protocolError('a stripe lies beyond the end');
    await new Promise<void>((taken) => {
      this.#waiting.set(lane, { record, taken });
      this.#wake?.();
    });
  }

  /**
   * The next bytes of the stream; `undefined` at its end. One reader at a time.
   *
   * @throws {SessionError} `protocol` if stripes overlap.
   */
  async read(): Promise<Uint8Array | undefined> {
    while (!this.exhausted) {
      for (const [lane, { record, taken }] of this.#waiting) {
        if (record.offset > this.#next) continue;
        if (record.offset < this.#next) throw protocolError('two stripes overlap');
        this.#waiting.delete(lane);
        this.#next += record.bytes.length;
        taken();
        return record.bytes;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return undefined;
  }

  /** Nothing more will be read: lets every lane go on, and wakes the reader, who must look whether to go on. */
  abandon(): void {
    for (const { taken } of this.#waiting.values()) taken();
    this.#waiting.clear();
    this.#end = this.#next;
    this.#wake?.();
  }

  #endAt(offset: number): void {
    if (this.#end !== undefined) throw protocolError('the end of the stripes came twice');
    const known = [...this.#waiting.values()].map(({ record }) => record.offset + record.bytes.length);
    if (offset < Math.max(this.#next, ...known))
      throw protocolError('the end of the stripes is not behind them');
    this.#end = offset;
    this.#wake?.();
  }
}
