import { Chunks } from './chunks.js';
import { protocolError, SessionError } from './errors.js';
import { MAX_PENDING_PIECES } from './limits.js';

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Puts the bytes of one direction in order by their offsets. Duplicates and overlaps change nothing; bytes are copied
 * in, so that a piece never keeps the message alive that it came in.
 */
export class Reassembly {
  /** In order and not yet read, oldest first. */
  readonly #ready = new Chunks();
  /** Beyond the first gap: disjoint, ascending. */
  #pending: Piece[] = [];
  #received = 0;
  #read = 0;
  #pendingBytes = 0;
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
    return this.#received - this.#read + this.#pendingBytes;
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
    if (this.#end !== undefined && offset + bytes.length > this.#end) {
      throw protocolError('the peer sent data beyond the end of its stream');
    }
    const missing = this.#missingParts(offset, bytes);
    if (missing.length === 0) return;
    for (const piece of missing) this.#keep(piece);
    this.#pending.sort((a, b) => a.offset - b.offset);
    if (this.#pending.length > MAX_PENDING_PIECES) {
      throw new SessionError('limit', 'us', `the peer's stream has more than ${MAX_PENDING_PIECES} gaps`);
    }
    this.#advance();
  }

  /**
   * Takes in where the stream ends.
   *
   * @throws {SessionError} `protocol` if it contradicts what has arrived.
   */
  finish(offset: number): void {
    const last = this.#pending.at(-1);
    const highest = last === undefined ? this.#received : last.offset + last.bytes.length;
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

  /** The parts of a piece that neither arrived in order nor are pending. */
  #missingParts(offset: number, bytes: Uint8Array): Piece[] {
    const parts: Piece[] = [];
    const end = offset + bytes.length;
    let from = Math.max(offset, this.#received);
    for (const pending of this.#pending) {
      if (from >= end) break;
      if (pending.offset > from) {
        parts.push({
          offset: from,
          bytes: bytes.slice(from - offset, Math.min(end, pending.offset) - offset),
        });
      }
      from = Math.max(from, pending.offset + pending.bytes.length);
    }
    if (from < end) parts.push({ offset: from, bytes: bytes.slice(from - offset) });
    return parts.filter((part) => part.bytes.length > 0);
  }

  #keep(piece: Piece): void {
    this.#pending.push(piece);
    this.#pendingBytes += piece.bytes.length;
  }

  #advance(): void {
    let moved = 0;
    for (const piece of this.#pending) {
      if (piece.offset !== this.#received) break;
      this.#ready.push(piece.bytes);
      this.#received += piece.bytes.length;
      this.#pendingBytes -= piece.bytes.length;
      moved += 1;
    }
    this.#pending = this.#pending.slice(moved);
  }
}
