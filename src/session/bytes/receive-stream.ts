import type { ByteRange } from '../../wire/frame.js';
import type { LegacyMessage } from '../envelope.js';
import { protocolError, SessionError } from '../errors.js';
import { MAX_LEGACY_BUFFER } from '../limits.js';
import { MessageOrder, type Counting } from './message-order.js';
import { ReceiveBuffer } from './receive-buffer.js';
import { ReceiveWindow } from './receive-window.js';

/**
 * The bytes of one direction at the end that receives them: in frames they come by offset and within a window, in legacy
 * mode by message id and without one. Offsets count both.
 */
export class ReceiveStream {
  readonly #bytes = new ReceiveBuffer();
  readonly #window: ReceiveWindow;
  readonly #order: MessageOrder;
  #legacyOffset = 0;
  #discarding = false;

  /**
   * @param firstMessage the id that the peer's first legacy message usually has.
   * @param counting how the ids go on from there.
   * @param window what the peer may send at first, in bytes.
   */
  constructor(firstMessage: number, counting: Counting, window: number) {
    this.#order = new MessageOrder(firstMessage, counting);
    this.#window = new ReceiveWindow(window);
  }

  /** Whether nobody reads any more. */
  get discarding(): boolean {
    return this.#discarding;
  }

  discard(): void {
    this.#discarding = true;
  }

  /** Drops what has arrived and was not read. */
  clear(): void {
    this.#bytes.clear();
  }

  /** What has arrived beyond the first gap, in frames. */
  get ranges(): readonly ByteRange[] {
    return this.#bytes.ranges;
  }

  /** Grants the peer at most so many bytes from now on; see {@link ReceiveWindow.limitTo}. */
  limitWindow(bytes: number): void {
    this.#window.limitTo(bytes);
  }

  /** Offset behind the last byte that arrived in order. */
  get received(): number {
    return this.#bytes.received;
  }

  /** Bytes that arrived and have not been read, those behind gaps included. */
  get unread(): number {
    return this.#bytes.buffered + this.#order.pendingBytes;
  }

  /** Whether bytes in order wait to be read. */
  get readable(): boolean {
    return this.#bytes.readable;
  }

  /** Whether legacy messages wait for one that is missing. */
  get hasGap(): boolean {
    return this.#order.hasGap;
  }

  /** Whether all bytes up to the end have arrived. */
  get complete(): boolean {
    return this.#bytes.complete;
  }

  /** Whether all bytes up to the end have been read. */
  get exhausted(): boolean {
    return this.#bytes.exhausted;
  }

  /** Whether the peer should hear that it may send more. */
  get windowDue(): boolean {
    return !this.#bytes.complete && this.#window.due(this.#bytes.read);
  }

  /** The offset at which the peer must stop. */
  get limit(): number {
    return this.#window.limit;
  }

  /** {@link limit}, to be told to the peer for the first time. */
  announceLimit(): number {
    return this.#window.announce();
  }

  /** What to acknowledge now, and how far from there the peer may send. */
  acknowledge(now: number): { readonly offset: number; readonly window: number } {
    this.#window.advance(this.#bytes.read, now);
    const offset = this.#bytes.acknowledged;
    return { offset, window: Math.max(0, this.#window.limit - offset) };
  }

  /** Takes out the next bytes in order; `undefined` if there are none now. */
  take(): Uint8Array | undefined {
    return this.#bytes.take();
  }

  /**
   * Takes in the bytes of a DATA frame.
   *
   * @throws {SessionError} `protocol` or `limit`.
   */
  insert(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#window.limit) throw protocolError('the peer sent beyond the receive window');
    this.#bytes.insert(offset, bytes);
    const { received, read } = this.#bytes;
    if (end === this.#window.limit && received < end && received === read) this.#window.filled();
  }

  /**
   * Takes in where the stream ends (FIN, RESET). It takes no room, so it may lie beyond the window: legacy bytes are not
   * held back by one, and some before it may have to be sent again.
   *
   * @throws {SessionError} `protocol`.
   */
  finish(offset: number): void {
    this.#bytes.finish(offset);
  }

  /**
   * Takes in a legacy message; tells whether any message is in order now.
   *
   * @throws {SessionError} `protocol`, or `limit` because nothing else holds such a peer back.
   */
  insertLegacy(message: LegacyMessage): boolean {
    const ready = this.#order.insert(message);
    for (const { kind, body } of ready) {
      if (kind === 'close') this.#bytes.finish(this.#legacyOffset);
      else this.#bytes.insert(this.#legacyOffset, body);
      this.#legacyOffset += body.length;
    }
    if (this.unread > MAX_LEGACY_BUFFER) {
      throw new SessionError(
        'limit',
        'us',
        `the peer sent more than ${MAX_LEGACY_BUFFER} bytes ahead of their reader`,
      );
    }
    return ready.length > 0;
  }
}
