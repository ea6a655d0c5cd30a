import { deferred, type Deferred } from '../basics/deferred.js';
import { MAX_WINDOW } from '../session/limits.js';
import { protocolError, type SessionError } from '../session/errors.js';
import { FIRST_LIMIT } from '../wire/lane-record.js';
import type { AckRecord, StreamRecord } from './incoming-lanes.js';

/** Bytes of one record at most: less than a message of regular packets, which lanes take in turn. */
const RECORD_BYTES = 4 * 1024;

/** Whether a lane may be lost: `unknown` until the peer has said which version it speaks. */
export type PeerKind = 'unknown' | 'acknowledges' | 'plain';

/** What a lane that has room waits for. */
type Give = (record: StreamRecord | AckRecord | undefined) => void;

/** A record that the peer may not have. */
interface Kept {
  readonly record: StreamRecord;
  /** Offset behind it; END counts as a byte. */
  readonly end: number;
  /** The lane that it was given to last; `undefined` if it has to be given again. */
  lane: number | undefined;
}

/**
 * Cuts one direction of a connection into records for whichever lane has room. Of those that have, the lowest gets the
 * next one, so that what is little stays on one lane.
 *
 * What was given to a lane is kept until the peer has acknowledged it, so that it can be given to another. That is never
 * more than the peer grants, nor than {@link MAX_WINDOW}.
 */
export class OutgoingLanes {
  readonly #waiting = new Map<number, Give>();
  readonly #used = new Set<number>();
  /** Lanes that get nothing at present. */
  readonly #held = new Set<number>();
  /** By offset. */
  #kept: Kept[] = [];
  /** Those of them that have to be given again, by offset. */
  #again: Kept[] = [];
  #peer: PeerKind = 'unknown';
  #ack: (() => AckRecord) | undefined;
  #bytes: Uint8Array = new Uint8Array();
  #written: Deferred<void> | undefined;
  #sent = 0;
  #acknowledged = 0;
  #limit = FIRST_LIMIT;
  #finished = false;
  #ended = false;
  #closed = false;

  /** Bytes given to lanes. */
  get sent(): number {
    return this.#sent;
  }

  /** Bytes that the peer is known to have. */
  get acknowledged(): number {
    return Math.min(this.#acknowledged, this.#sent);
  }

  /** Bytes written and not yet given to a lane, and those that are kept. */
  get buffered(): number {
    return this.#kept.reduce((sum, { record }) => sum + lengthOf(record), this.#bytes.length);
  }

  /** Whether the end was given to a lane, after every byte. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the peer is known to have everything, the end too. */
  get complete(): boolean {
    return this.#ended && this.#acknowledged > this.#sent;
  }

  /** Whether this lane was given anything. */
  hasUsed(lane: number): boolean {
    return this.#used.has(lane);
  }

  /** Whether the peer may lack anything that this lane was given. */
  isWaitingOn(lane: number): boolean {
    return this.#kept.some((kept) => kept.lane === lane);
  }

  /** What the peer is has become known. A plain one has no limit, and nothing is kept for it. */
  peerIs(kind: Exclude<PeerKind, 'unknown'>): void {
    this.#peer = kind;
    if (kind === 'plain') this.#kept = [];
    this.#serve();
  }

  /**
   * Takes bytes to send, which must not change until it settles: when lanes have taken all of them.
   *
   * @throws what it is {@link close}d with.
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.#closed) return;
    this.#bytes = bytes;
    const written = deferred();
    this.#written = written;
    this.#serve();
    await written.promise;
  }

  /** No byte follows. */
  finish(): void {
    this.#finished = true;
    this.#serve();
  }

  /** The next record for a lane that has room; `undefined` when there will be none. */
  take(lane: number): Promise<StreamRecord | AckRecord | undefined> {
    const record = new Promise<StreamRecord | AckRecord | undefined>((resolve) =>
      this.#waiting.set(lane, resolve),
    );
    this.#serve();
    return record;
  }

  /** An acknowledgement is due: the next lane that has room gets it, as it is by then. */
  tell(ack: () => AckRecord): void {
    this.#ack = ack;
    this.#serve();
  }

  /**
   * The peer has told what it has, and how far it lets us send.
   *
   * @throws {SessionError} `protocol` if it acknowledges what was never sent.
   */
  acknowledge(offset: number, limit: number): void {
    if (offset > this.#sent + (this.#ended ? 1 : 0))
      throw protocolError('the peer acknowledged bytes that were never sent');
    this.#acknowledged = Math.max(this.#acknowledged, offset);
    this.#limit = Math.max(this.#limit, limit);
    const isMissing = ({ end }: Kept) => end > this.#acknowledged;
    const first = this.#kept.findIndex(isMissing);
    this.#kept = first === -1 ? [] : this.#kept.slice(first);
    this.#again = this.#again.filter(isMissing);
    this.#serve();
  }

  /** A lane is gone: what it held goes to others. */
  leave(lane: number): void {
    const give = this.#waiting.get(lane);
    this.#waiting.delete(lane);
    give?.(undefined);
    this.#held.delete(lane);
    this.#giveAgain(lane);
  }

  /** A lane gets nothing until it is {@link release}d, and what it held goes to others. */
  hold(lane: number): void {
    this.#held.add(lane);
    this.#giveAgain(lane);
  }

  /** A lane that was held gets records again. */
  release(lane: number): void {
    this.#held.delete(lane);
    this.#serve();
  }

  /** Drops what was not given to a lane, and what is kept; no lane gets anything more. */
  close(error?: SessionError): void {
    this.#bytes = new Uint8Array();
    this.#kept = this.#again = [];
    this.#ack = undefined;
    this.#closed = true;
    if (error === undefined) this.#written?.resolve();
    else this.#written?.reject(error);
    this.#serve();
  }

  #giveAgain(lane: number): void {
    for (const kept of this.#kept) if (kept.lane === lane) kept.lane = undefined;
    this.#again = this.#kept.filter((kept) => kept.lane === undefined);
    this.#serve();
  }

  #serve(): void {
    for (;;) {
      const lanes = [...this.#waiting.keys()].filter((lane) => this.#closed || !this.#held.has(lane));
      if (lanes.length === 0) return;
      const lane = Math.min(...lanes);
      const record = this.#next(lane);
      if (record === undefined && !this.#isOver) return;
      const give = this.#waiting.get(lane);
      this.#waiting.delete(lane);
      give?.(record);
    }
  }

  /** Whether no lane gets anything more: a plain peer needs nothing after the end. */
  get #isOver(): boolean {
    return this.#closed || (this.#peer === 'plain' && this.#ended);
  }

  /** The next record, if there is one now. */
  #next(lane: number): StreamRecord | AckRecord | undefined {
    if (this.#closed) return undefined;
    if (this.#ack !== undefined) {
      const ack = this.#ack();
      this.#ack = undefined;
      return ack;
    }
    const again = this.#again.shift();
    if (again !== undefined) {
      again.lane = lane;
      this.#used.add(lane);
      return again.record;
    }
    const record = this.#cut();
    if (record === undefined) return undefined;
    this.#used.add(lane);
    if (this.#peer !== 'plain')
      this.#kept.push({ record, end: record.offset + (record.type === 'end' ? 1 : lengthOf(record)), lane });
    return record;
  }

  #cut(): StreamRecord | undefined {
    if (this.#bytes.length === 0) {
      if (!this.#finished || this.#ended) return undefined;
      this.#ended = true;
      return { type: 'end', offset: this.#sent };
    }
    const limit = Math.min(this.#limit, this.#acknowledged + MAX_WINDOW);
    const room = this.#peer === 'plain' ? RECORD_BYTES : Math.min(RECORD_BYTES, limit - this.#sent);
    if (room <= 0) return undefined;
    const part = this.#bytes.subarray(0, room);
    // A copy, also of a Node Buffer, whose slice() is none.
    const bytes = this.#peer === 'plain' ? part : new Uint8Array(part);
    const record: StreamRecord = { type: 'data', offset: this.#sent, bytes };
    this.#bytes = this.#bytes.subarray(bytes.length);
    this.#sent += bytes.length;
    if (this.#bytes.length === 0) this.#written?.resolve();
    return record;
  }
}

function lengthOf(record: StreamRecord): number {
  return record.type === 'data' ? record.bytes.length : 0;
}
