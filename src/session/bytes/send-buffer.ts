import type { ByteRange } from '../../wire/frame.js';
import { protocolError, SessionError } from '../errors.js';
import { INITIAL_WINDOW, MAX_WINDOW } from '../limits.js';
import { RangeSet } from './range-set.js';

/** Segments smaller than this are merged, so that many tiny ones do not cost a hundred times their bytes. */
const SMALL_SEGMENT_BYTES = 1024;

interface Segment {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/**
 * How far the end of the stream is: not `known` while the application may write more; then to be sent, `sent`, to be
 * sent again, `acknowledged`.
 */
type End = 'unknown' | 'due' | 'sent' | 'acknowledged';

/**
 * The bytes of one direction at the end that sends them. Always acknowledged <= sent <= written; what lies between the
 * first and the last is held, as one list of segments. The end of the stream is acknowledged like a byte.
 */
export class SendBuffer {
  /** Back to back, ascending, up to {@link written}. */
  #segments: Segment[] = [];
  /** Index of the first segment that is held. */
  #head = 0;
  #acknowledged = 0;
  #sent = 0;
  #written = 0;
  #limit = INITIAL_WINDOW;
  /** Within acknowledged..sent: what the peer has beyond a gap. */
  readonly #arrived = new RangeSet();
  /** Within acknowledged..sent: what is to be sent again. */
  readonly #again = new RangeSet();
  /** Whether bytes are held until they are acknowledged, or only until they are sent. */
  #retains = true;
  #end: End = 'unknown';
  #dropped = false;
  #finSentAt: number | undefined;

  /** Bytes that wait to be sent for the first time. */
  get unsent(): number {
    return this.#written - this.#sent;
  }

  /** Offset behind the last byte that was sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Offset behind the last byte that was written. */
  get written(): number {
    return this.#written;
  }

  /** Offset behind the last byte that the peer has acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Bytes held that were sent and not acknowledged. */
  get unacknowledged(): number {
    return Math.max(0, this.#sent - Math.max(this.#acknowledged, this.#start));
  }

  /** Whether bytes, or the end of the stream, were sent and not acknowledged. */
  get outstanding(): boolean {
    if (this.#dropped) return false;
    return this.#acknowledged < this.#sent || (this.#finSentAt !== undefined && !this.finAcknowledged);
  }

  /** Whether the application writes no more. */
  get finished(): boolean {
    return this.#end !== 'unknown';
  }

  /** When the end of the stream was first sent. */
  get finSentAt(): number | undefined {
    return this.#finSentAt;
  }

  get finAcknowledged(): boolean {
    return this.#end === 'acknowledged';
  }

  /** Whether the end of the stream is next. */
  get mayFinish(): boolean {
    return this.#end === 'due' && this.unsent === 0 && this.#again.first === undefined;
  }

  /** Appends a copy of `bytes`. After {@link finish} they are ignored. */
  write(bytes: Uint8Array): void {
    if (this.finished || bytes.length === 0) return;
    const last = this.#head < this.#segments.length ? this.#segments.at(-1) : undefined;
    this.#written += bytes.length;
    if (last === undefined || last.bytes.length + bytes.length > SMALL_SEGMENT_BYTES) {
      this.#segments.push({ from: this.#written - bytes.length, bytes: bytes.slice() });
      return;
    }
    const merged = new Uint8Array(last.bytes.length + bytes.length);
    merged.set(last.bytes);
    merged.set(bytes, last.bytes.length);
    this.#segments[this.#segments.length - 1] = { from: last.from, bytes: merged };
  }

  /** The application writes no more: the end of the stream follows what was written. */
  finish(): void {
    if (this.#end === 'unknown') this.#end = 'due';
  }

  /** Drops everything that is held: nothing of the stream will be sent any more, not even its end. */
  drop(): void {
    this.truncate();
    this.#segments = [];
    this.#head = 0;
    this.#again.clear();
    this.#arrived.clear();
    this.#end = 'acknowledged';
    this.#dropped = true;
  }

  /** Drops what was not sent: the stream ends with what was. */
  truncate(): void {
    this.#segments = this.#segments.flatMap(({ from, bytes }) =>
      from < this.#sent ? [{ from, bytes: bytes.subarray(0, this.#sent - from) }] : [],
    );
    this.#written = this.#sent;
  }

  /** The peer acknowledges nothing, so bytes are held only until they are sent. */
  retainNothing(): void {
    this.#retains = false;
    this.#again.clear();
    this.#trim(this.#sent);
  }

  /** Offset of the next byte to be sent. */
  get next(): number {
    return this.#again.first?.from ?? this.#sent;
  }

  /**
   * Bytes from {@link next} on that may be sent now, under the peer's window and ours, or under `limit` instead. What is
   * to be sent again comes first.
   */
  sendable(limit = Math.min(this.#limit, this.#acknowledged + MAX_WINDOW)): number {
    const { next } = this;
    return Math.max(0, Math.min(this.#again.first?.to ?? this.#written, limit) - next);
  }

  /** Takes the next bytes to send, `length` at most and no more than {@link sendable}. They must not be changed. */
  take(length: number): Uint8Array {
    const from = this.next;
    const to = Math.min(from + length, this.#again.first?.to ?? this.#written);
    const bytes = this.#slice(from, to);
    this.#again.remove({ from, to });
    if (to <= this.#sent) return bytes;
    this.#sent = to;
    // Only a peer that has not answered lets more be sent than it may have us send again.
    if (!this.#retains || this.unacknowledged > MAX_WINDOW) this.#trim(to);
    return bytes;
  }

  /** Takes note that the end of the stream goes out now. */
  finSent(now: number): void {
    this.#finSentAt ??= now;
    if (this.#end === 'due') this.#end = 'sent';
  }

  /**
   * Has everything sent again that was not acknowledged, `most` bytes of it at most, save what the peer is known to
   * have. Returns the offset behind it.
   *
   * @throws {SessionError} `limit` if it is not held any more.
   */
  retransmit(most = Number.MAX_SAFE_INTEGER): number {
    if (this.#dropped) return this.#sent;
    const to = Math.min(this.#sent, this.#acknowledged + most);
    this.#assertHeld();
    this.#again.clear();
    for (const range of this.#arrived.missingIn({ from: this.#acknowledged, to })) this.#again.add(range);
    if (this.#end === 'sent' && to === this.#sent) this.#end = 'due';
    return to;
  }

  /** Has the gaps before the last bytes that the peer is known to have sent again. Tells whether there are any. */
  retransmitGaps(): boolean {
    const to = this.#arrived.end;
    if (to === undefined) return false;
    this.retransmit(to - this.#acknowledged);
    return true;
  }

  /** The peer's mixnet client was replaced, and may have lost what it told us that it has. */
  forgetArrived(): void {
    this.#arrived.clear();
  }

  /** Takes note that the peer lets bytes below `limit` be sent. */
  grant(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  /**
   * Takes note that the peer has everything below `offset`; tells whether that is news.
   *
   * @throws {SessionError} `protocol` if that much was never sent.
   */
  acknowledge(offset: number): boolean {
    const endSent = this.#finSentAt !== undefined && this.#sent === this.#written;
    if (offset > (endSent ? this.#sent + 1 : this.#sent)) {
      throw protocolError('the peer acknowledged bytes that were never sent');
    }
    const finNews = offset > this.#sent && !this.finAcknowledged;
    if (finNews) this.#end = 'acknowledged';
    const received = Math.min(offset, this.#sent);
    if (received <= this.#acknowledged) return finNews;
    this.#acknowledged = received;
    this.#trim(received);
    this.#again.remove({ from: 0, to: received });
    this.#arrived.remove({ from: 0, to: received });
    return true;
  }

  /**
   * Takes note of what the peer has beyond a gap.
   *
   * @throws {SessionError} `protocol` if it was never sent.
   */
  arrived(ranges: readonly ByteRange[]): void {
    for (const { from, to } of ranges) {
      if (to > this.#sent) throw protocolError('the peer has bytes that were never sent');
      this.#arrived.add({ from: Math.max(from, this.#acknowledged), to });
      this.#again.remove({ from, to });
    }
  }

  /** Offset of the first byte that is held. */
  get #start(): number {
    return this.#segments[this.#head]?.from ?? this.#written;
  }

  #assertHeld(): void {
    if (this.#acknowledged >= this.#sent) return;
    if (this.#retains && this.#acknowledged >= this.#start) return;
    throw new SessionError(
      'limit',
      'us',
      'more was lost before the first answer than is held to be sent again',
    );
  }

  /** Drops the bytes below `offset`. */
  #trim(offset: number): void {
    for (;;) {
      const first = this.#segments[this.#head];
      if (first === undefined || first.from >= offset) break;
      const behind = first.from + first.bytes.length;
      if (behind > offset) {
        this.#segments[this.#head] = { from: offset, bytes: first.bytes.subarray(offset - first.from) };
        break;
      }
      this.#head += 1;
    }
    // Half of the array at a time, so that dropping a segment costs the same however many there are.
    if (this.#head * 2 < this.#segments.length) return;
    this.#segments = this.#segments.slice(this.#head);
    this.#head = 0;
  }

  /** The bytes of a range that is held; a view where they lie in one segment. */
  #slice(from: number, to: number): Uint8Array {
    let index = this.#segmentAt(from);
    const first = this.#segments[index];
    if (first === undefined || to <= from) return new Uint8Array();
    if (first.from + first.bytes.length >= to)
      return first.bytes.subarray(from - first.from, to - first.from);
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to; index += 1) {
      const segment = this.#segments[index];
      if (segment === undefined) break;
      const part = segment.bytes.subarray(at - segment.from, to - segment.from);
      bytes.set(part, at - from);
      at += part.length;
    }
    return bytes;
  }

  /** Index of the segment that holds the byte at an offset. */
  #segmentAt(offset: number): number {
    let [low, high] = [this.#head, this.#segments.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#segments[middle]?.from ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
