import type { ByteRange } from '../../wire/frame.js';
import { protocolError, SessionError } from '../errors.js';
import { MAX_GAPS } from '../limits.js';
import { ByteQueue } from './byte-queue.js';

/** Bytes without a gap between them, behind a gap. */
interface Island {
  from: number;
  to: number;
  readonly bytes: ByteQueue;
}

/**
 * The bytes of one direction at the end that receives them: read <= received, in order by their offsets, and islands
 * beyond the first gap. Duplicates and overlaps change nothing. Bytes are copied in, so that they never keep the message
 * alive that they came in.
 */
export class ReceiveBuffer {
  /** From {@link read} to {@link received}. */
  readonly #ready = new ByteQueue();
  /** Ascending; a gap before each. */
  #islands: Island[] = [];
  #received = 0;
  #read = 0;
  #end: number | undefined;

  /** Every byte below this offset has arrived; one more than the last byte once the end has arrived too. */
  get acknowledged(): number {
    return this.#received + (this.complete ? 1 : 0);
  }

  /** Offset behind the last byte that arrived in order. */
  get received(): number {
    return this.#received;
  }

  /** Offset behind the last byte that was read. */
  get read(): number {
    return this.#read;
  }

  /** Bytes held. */
  get buffered(): number {
    return this.#islands.reduce((sum, { bytes }) => sum + bytes.size, this.#ready.size);
  }

  /** Whether bytes in order wait to be read. */
  get readable(): boolean {
    return this.#ready.size > 0;
  }

  /** What has arrived beyond the first gap. */
  get ranges(): readonly ByteRange[] {
    return this.#islands;
  }

  /** Whether all bytes up to the end have arrived. */
  get complete(): boolean {
    return this.#end === this.#received;
  }

  /** Whether all bytes up to the end have been read. */
  get exhausted(): boolean {
    return this.#end === this.#read;
  }

  /**
   * Takes in bytes at an offset.
   *
   * @throws {SessionError} `protocol` if they lie beyond the end, `limit` if they leave too many gaps.
   */
  insert(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (this.#end !== undefined && end > this.#end) {
      throw protocolError('the peer sent data beyond the end of its stream');
    }
    if (end <= this.#received || bytes.length === 0) return;
    if (offset <= this.#received && this.#islands.length === 0) {
      this.#ready.push(bytes.slice(this.#received - offset));
      this.#received = end;
      return;
    }
    for (const { from, to } of this.#missingIn({ from: Math.max(offset, this.#received), to: end }))
      this.#keep(from, bytes.slice(from - offset, to - offset));
    if (this.#islands.length > MAX_GAPS)
      throw new SessionError('limit', 'us', `the peer's stream has more than ${MAX_GAPS} gaps`);
  }

  /**
   * Takes in where the stream ends.
   *
   * @throws {SessionError} `protocol` if it contradicts what has arrived.
   */
  finish(offset: number): void {
    const highest = this.#islands.at(-1)?.to ?? this.#received;
    if (offset < highest || (this.#end !== undefined && offset !== this.#end)) {
      throw protocolError('the peer contradicted the end of its stream');
    }
    this.#end = offset;
  }

  /** Takes out the next bytes in order; `undefined` if there are none now. */
  take(): Uint8Array | undefined {
    const chunk = this.#ready.shift();
    if (chunk !== undefined) this.#read += chunk.length;
    return chunk;
  }

  /** Drops what has arrived and was not read. */
  clear(): void {
    this.#ready.clear();
    this.#islands = [];
  }

  /** The parts of a range that no island holds. */
  #missingIn({ from, to }: ByteRange): ByteRange[] {
    const missing: ByteRange[] = [];
    let at = from;
    // Most bytes come behind all others.
    const last = this.#islands.at(-1);
    if (last !== undefined && from >= last.to) return [{ from, to }];
    for (const island of this.#islands) {
      if (at >= to) break;
      if (island.from > at) missing.push({ from: at, to: Math.min(to, island.from) });
      at = Math.max(at, island.to);
    }
    if (at < to) missing.push({ from: at, to });
    return missing;
  }

  /** Keeps bytes that nothing is held of yet, and joins them with what they touch. */
  #keep(from: number, bytes: Uint8Array): void {
    const to = from + bytes.length;
    const index = this.#islands.findLastIndex((island) => island.to <= from) + 1;
    const next = this.#islands[index]?.from === to ? this.#islands[index] : undefined;
    const previous = this.#islands[index - 1];
    if (from === this.#received) {
      this.#ready.push(bytes);
      this.#received = next?.to ?? to;
      if (next) {
        this.#ready.append(next.bytes);
        this.#islands.splice(index, 1);
      }
    } else if (previous?.to === from) {
      previous.bytes.push(bytes);
      previous.to = to;
      if (next) this.#join(previous, next, index);
    } else if (next) {
      next.bytes.prepend(bytes);
      next.from = from;
    } else {
      const island = { from, to, bytes: new ByteQueue() };
      island.bytes.push(bytes);
      this.#islands.splice(index, 0, island);
    }
  }

  /** Joins two islands that touch; the smaller one moves, so that no order of arrival makes this slow. */
  #join(first: Island, second: Island, secondIndex: number): void {
    if (first.bytes.size >= second.bytes.size) {
      first.bytes.append(second.bytes);
      first.to = second.to;
      this.#islands.splice(secondIndex, 1);
    } else {
      second.bytes.prependAll(first.bytes);
      second.from = first.from;
      this.#islands.splice(secondIndex - 1, 1);
    }
  }
}
