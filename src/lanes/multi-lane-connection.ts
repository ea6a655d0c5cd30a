import { deferred } from '../basics/deferred.js';
import type { Connection, ConnectionStats } from '../session/connection.js';
import {
  dropsWritten,
  protocolError,
  SessionError,
  violation,
  type SessionErrorCode,
} from '../session/errors.js';
import { StreamPair } from '../session/stream-pair.js';
import { encodeLaneRecord, LaneRecordReader, type LaneRecord } from '../wire/lane-record.js';
import { IncomingLanes } from './incoming-lanes.js';
import { OpenLane } from './open-lane.js';
import { OutgoingLanes, type PeerKind } from './outgoing-lanes.js';

/** How often lanes are looked at, and acknowledgements that nothing else made due. */
const CHECK_EVERY_MS = 500;

/** How long bytes that have come wait to be acknowledged when the window need not move. */
const ACK_DELAY_MS = 2000;

/** How long lanes may take to close once the first one has, or to bring what the peer sent before it reset them all. */
const CLOSE_MS = 6000;

/**
 * From this version of the session protocol on a lane may be lost, as its peer takes bytes that come again, and says
 * what it has.
 */
const ACKNOWLEDGING_VERSION = 2;

/**
 * What a lane is reset with when its session, its mixnet client or its server's has failed. With other codes the peer
 * has ended the connection.
 */
const LANE_FAILURES: readonly SessionErrorCode[] = ['timeout', 'gone', 'lost'];

/** New lanes that are refused in a row as unknown, with nothing heard otherwise, after which the peer is believed. */
const MAX_UNKNOWN = 3;

/** Which end of the connection this is. */
export interface MultiLaneOptions {
  /** At an acceptor: Nym addresses of its further mixnet clients, for the WELCOME of the first lane. */
  readonly addresses?: readonly string[];
  /** At an opener: told those addresses; other lanes may be opened and added from then on. */
  readonly onWelcome?: (addresses: readonly string[]) => void;
  /** At an opener: a lane is gone, and another may be opened and added under its number. */
  readonly onLaneLost?: (number: number) => void;
  /** The clock of the sessions, in ms. */
  readonly now?: () => number;
}

/**
 * One connection as a pair of byte streams, carried by several sessions (lanes), each over a mixnet client of its own
 * and so in slots of its own. It looks like a session: whoever uses it need not know.
 *
 * A lane may be lost, or fall silent: what it held goes again over the others. The connection goes on as long as one
 * lane lives. Towards a peer that knows nothing of that (version 1 of the session protocol), a lane that was given
 * records, or brought some, is part of the connection: if it is reset, so is the connection.
 */
export class MultiLaneConnection implements Connection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly closed: Promise<void>;
  readonly drained: Promise<void>;

  readonly #streams: StreamPair;
  readonly #first: Connection;
  readonly #addresses: readonly string[] | undefined;
  readonly #onWelcome: (addresses: readonly string[]) => void;
  readonly #onLaneLost: (number: number) => void;
  readonly #now: () => number;
  readonly #lanes = new Map<number, OpenLane>();
  /** Lanes that may still bring something, though their sessions may have ended. */
  readonly #reading = new Set<OpenLane>();
  readonly #incoming = new IncomingLanes();
  readonly #outgoing = new OutgoingLanes();
  readonly #close = deferred();
  readonly #drain = deferred();
  /** Sessions of lanes, those that are gone included, that may still hold something. */
  readonly #undrained = new Set<Connection>();
  readonly #checking: ReturnType<typeof setInterval>;
  #peer: PeerKind = 'unknown';
  #error: SessionError | undefined;
  #settled = false;
  /** Since when both directions are done, and the lanes are being closed. */
  #closingSince: number | undefined;
  #lanesClosed = 0;
  /** While lanes may still bring what the peer sent before it reset the connection. */
  #lastReading: ReturnType<typeof setTimeout> | undefined;
  /** When bytes that nobody has acknowledged were first seen. */
  #unacknowledgedSince: number | undefined;
  #windowLimit: number | undefined;
  #unknown = 0;

  /** @param first the session of lane 0. */
  constructor(first: Connection, options: MultiLaneOptions) {
    const { addresses, onWelcome, onLaneLost, now = () => performance.now() } = options;
    this.#first = first;
    this.#addresses = addresses;
    this.#onWelcome = onWelcome ?? (() => undefined);
    this.#onLaneLost = onLaneLost ?? (() => undefined);
    this.#now = now;
    this.closed = this.#close.promise;
    this.closed.catch(() => undefined);
    this.drained = this.#drain.promise;
    this.#streams = new StreamPair({
      pull: (controller) => this.#pull(controller),
      write: (bytes) => this.#outgoing.write(bytes),
      close: () => this.#outgoing.finish(),
      reset: (error) => this.reset(error),
    });
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.#checking = setInterval(() => this.check(), CHECK_EVERY_MS);
    if (this.#isAcceptor) this.#learnPeer(first);
    this.add(0, first);
  }

  /** Of all lanes together; how soon the peer answers is told by the first one. */
  stats(): ConnectionStats {
    const first = this.#first.stats();
    const lanes = [...this.#lanes.values()].map(({ session }) => session.stats());
    const undrained = [...this.#undrained].map((session) => session.stats());
    const sum = (all: readonly ConnectionStats[], of: (lane: ConnectionStats) => number) =>
      all.reduce((total, lane) => total + of(lane), 0);
    const heard = [first, ...lanes].flatMap(({ heardAt }) => heardAt ?? []);
    const paused = lanes.map(({ pausedSince = Infinity }) => pausedSince);
    const acknowledges = this.#peer === 'acknowledges';
    return {
      ...first,
      bytesSent: this.#outgoing.sent,
      bytesReceived: this.#incoming.received,
      bytesBuffered:
        this.#outgoing.buffered + this.#incoming.unread + sum(undrained, (lane) => lane.bytesBuffered),
      bytesGranted: acknowledges ? this.#incoming.granted : sum(lanes, (lane) => lane.bytesGranted),
      bytesAcknowledged: this.#outgoing.acknowledged,
      bytesHandedOver: sum(undrained, (lane) => lane.bytesHandedOver),
      heardAt: heard.length === 0 ? undefined : Math.max(...heard),
      pausedSince: paused.includes(Infinity) || paused.length === 0 ? undefined : Math.max(...paused),
    };
  }

  /** Grants the peer no more than this many bytes ahead of what was read, over all lanes together. */
  limitWindow(bytes: number): void {
    this.#windowLimit = bytes;
    this.#incoming.limitTo(bytes);
    for (const lane of this.#lanes.values()) this.#limitLane(lane);
  }

  /**
   * Carries the connection over one more session. One that comes for a lane that is there takes its place. One for a
   * connection that has ended is reset, and one that comes twice with a peer of version 1.
   */
  add(number: number, session: Connection): void {
    const before = this.#lanes.get(number);
    if (
      this.#settled ||
      this.#closingSince !== undefined ||
      (before !== undefined && this.#peer !== 'acknowledges')
    ) {
      const reason = this.#error && forOtherLanes(this.#error);
      session.reset(reason ?? new SessionError('gone', 'us', 'the connection needs no such lane'));
      return;
    }
    if (before !== undefined) {
      this.#remove(before);
      before.session.reset(
        new SessionError('gone', 'us', 'another session has taken the place of this lane'),
      );
    }
    const lane = new OpenLane(number, session, this.#now());
    if (number === 0 || this.#isAcceptor) lane.use();
    this.#lanes.set(number, lane);
    this.#undrained.add(session);
    const drained = () => this.#laneDrained(session);
    (session.drained ?? session.closed).then(drained, drained);
    this.#limitLane(lane);
    lane.sending = this.#send(lane);
    this.#reading.add(lane);
    const receiving = this.#receive(lane).finally(() => this.#doneReading(lane));
    Promise.all([session.closed, receiving]).then(
      () => this.#laneDone(lane),
      (error: unknown) => this.#laneLost(lane, violation(error)),
    );
  }

  /**
   * Ends the connection on all lanes and tells the peer, unless the error came from there. As with a session, what was
   * written before is still sent, unless the error says that the peer is at fault or memory is short.
   */
  reset(error: SessionError): void {
    if (dropsWritten(error.code) || error.by === 'peer') {
      this.cut(error);
      return;
    }
    this.#end(error, (lane) => {
      // What it was given is part of what was written, though its session may not have taken all of it yet.
      if (this.#outgoing.hasUsed(lane.number)) void resetBehindSending(lane, forOtherLanes(error));
      else lane.session.reset(forOtherLanes(error));
    });
  }

  /** As {@link reset}, but what the lanes have not taken yet is dropped, whatever the error says. */
  cut(error: SessionError): void {
    this.#end(error, ({ session }) => session.reset(forOtherLanes(error)));
  }

  #end(error: SessionError, resetLane: (lane: OpenLane) => void): void {
    if (this.#settled) {
      // The peer has ended the connection before, and nobody reads what it still brings.
      this.#incoming.abandon();
      return;
    }
    this.#settle();
    this.#error = error;
    for (const lane of this.#lanes.values()) resetLane(lane);
    this.#outgoing.close(error);
    this.#incoming.abandon();
    this.#streams.error(error);
    this.#close.reject(error);
  }

  /**
   * Finds lanes that have lost their mixnet client, or have fallen silent: the others carry what they held, and they get
   * nothing until they are heard of again. Called every now and then, and when something may have changed.
   */
  check(): void {
    if (this.#settled || this.#peer !== 'acknowledges') return;
    const now = this.#now();
    if (this.#closingSince !== undefined) {
      if (this.#lanesClosed > 0 && now - this.#closingSince >= CLOSE_MS)
        this.#drop([...this.#lanes.values()]);
      return;
    }
    const lanes = [...this.#lanes.values()];
    const slowest = Math.max(0, ...lanes.map(({ session }) => session.stats().roundTripMs ?? 0));
    for (const lane of lanes) lane.look(now, this.#outgoing.isWaitingOn(lane.number), slowest);
    for (const lane of lanes) {
      if (lane.works && lane.isHeld) {
        lane.isHeld = false;
        this.#outgoing.release(lane.number);
      } else if (!lane.works && !lane.isHeld && this.#hasOtherThan(lane)) {
        this.#hold(lane);
      }
    }
    if (!this.#incoming.unacknowledged) this.#unacknowledgedSince = undefined;
    else this.#unacknowledgedSince ??= now;
    if (now - (this.#unacknowledgedSince ?? now) >= ACK_DELAY_MS) this.#acknowledge();
  }

  #laneDrained(session: Connection): void {
    this.#undrained.delete(session);
    this.#drainIfLast();
  }

  #drainIfLast(): void {
    if (this.#settled && this.#undrained.size === 0) this.#drain.resolve();
  }

  get #isAcceptor(): boolean {
    return this.#addresses !== undefined;
  }

  #hasOtherThan(lane: OpenLane): boolean {
    return [...this.#lanes.values()].some((other) => other !== lane && other.isUsable && other.works);
  }

  /** What it was told last may have been lost with it. */
  #hold(lane: OpenLane): void {
    lane.isHeld = true;
    this.#outgoing.hold(lane.number);
    this.#acknowledge();
  }

  /** The connection is over, and ends without these. The peer may not know yet, so it must not end with them. */
  #drop(lanes: readonly OpenLane[]): void {
    for (const { session } of lanes)
      session.reset(new SessionError('gone', 'us', 'the connection ends without this lane'));
  }

  #limitLane({ session }: OpenLane): void {
    if (this.#windowLimit === undefined) return;
    session.limitWindow?.(Math.ceil(this.#windowLimit / Math.max(1, this.#lanes.size)));
  }

  /** An acceptor knows the opener's version from the start, an opener with the first WELCOME. */
  #learnPeer({ version = 1 }: Connection): void {
    if (this.#peer !== 'unknown') return;
    this.#peer = version >= ACKNOWLEDGING_VERSION ? 'acknowledges' : 'plain';
    this.#outgoing.peerIs(this.#peer);
  }

  #acknowledge(): void {
    if (this.#peer !== 'acknowledges' || this.#closingSince !== undefined) return;
    this.#outgoing.tell(() => {
      this.#unacknowledgedSince = undefined;
      return this.#incoming.ack();
    });
  }

  async #send(lane: OpenLane): Promise<void> {
    const writer = lane.session.writable.getWriter();
    const write = async (record: LaneRecord) => {
      const bytes = encodeLaneRecord(record);
      lane.written += bytes.length;
      await writer.write(bytes);
    };
    try {
      if (this.#addresses !== undefined)
        await write({ type: 'welcome', addresses: lane.number === 0 ? this.#addresses : [] });
      await lane.usable;
      for (;;) {
        const record = await this.#outgoing.take(lane.number);
        if (record === undefined) break;
        await write(record);
        if (record.type === 'ack') this.#closeIfComplete();
      }
      if (this.#error === undefined) await writer.close();
    } catch {
      // The session's end tells why.
    }
  }

  /** Takes in a lane's records; settles when the last one was read. What breaks the protocol ends the connection. */
  async #receive(lane: OpenLane): Promise<void> {
    const records = new LaneRecordReader();
    const reader = lane.session.readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      try {
        if (done && records.pending > 0) throw protocolError('a lane ended within a record');
        if (done) {
          this.#laneEnded();
          return;
        }
        for (const record of records.push(value)) await this.#take(lane, record);
      } catch (error) {
        this.reset(violation(error));
        return;
      }
    }
  }

  async #take(lane: OpenLane, record: LaneRecord): Promise<void> {
    if (this.#error !== undefined) {
      if (record.type === 'data') await this.#incoming.put(record);
      return;
    }
    if (this.#settled) return;
    this.#unknown = 0;
    if (record.type === 'welcome') {
      this.#welcome(lane, record.addresses);
    } else if (record.type === 'ack') {
      if (this.#peer !== 'acknowledges') throw protocolError('an ACK came from a peer that sends none');
      this.#outgoing.acknowledge(record.offset, record.limit);
      this.#closeIfComplete();
    } else {
      lane.hasBrought = true;
      await this.#incoming.put(record);
      if (this.#incoming.complete && this.#incoming.ackDue) this.#acknowledge();
    }
  }

  #welcome(lane: OpenLane, addresses: readonly string[]): void {
    if (this.#isAcceptor || lane.isWelcome) throw protocolError('a WELCOME came that cannot be');
    lane.isWelcome = true;
    const isFirst = this.#peer === 'unknown';
    this.#learnPeer(lane.session);
    lane.use();
    if (isFirst) this.#onWelcome(addresses);
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const bytes = await this.#incoming.read(this.#now);
    if (bytes !== undefined) controller.enqueue(bytes);
    else if (this.#error !== undefined) this.#streams.errorReader(this.#error);
    else controller.close();
    if (!this.#settled && this.#incoming.ackDue) this.#acknowledge();
  }

  /** The peer closes a lane when it has everything, and knows that we have. */
  #laneEnded(): void {
    if (this.#peer !== 'acknowledges' || this.#settled) return;
    if (!this.#incoming.complete || !this.#outgoing.ended)
      throw protocolError('a lane ended before the connection');
    this.#closeLanes();
  }

  #closeIfComplete(): void {
    if (this.#peer !== 'acknowledges' || !this.#outgoing.complete) return;
    if (this.#incoming.complete && !this.#incoming.unacknowledged) this.#closeLanes();
  }

  /** Both ends have everything: closes the lanes, and does without those that do not work. */
  #closeLanes(): void {
    if (this.#closingSince !== undefined) return;
    this.#closingSince = this.#now();
    this.#outgoing.close();
    this.#drop([...this.#lanes.values()].filter(({ isHeld, isUsable }) => isHeld || !isUsable));
  }

  #laneDone(lane: OpenLane): void {
    this.#remove(lane);
    this.#lanesClosed += 1;
    if (this.#settled) return;
    if (this.#lanes.size === 0) this.#allDone();
    else if (this.#peer !== 'acknowledges' && this.#outgoing.ended && this.#incoming.complete)
      this.#dropUnwelcome();
  }

  /** Everything was carried: lanes that the peer has not answered on are waited for no longer. */
  #dropUnwelcome(): void {
    const left = [...this.#lanes.values()];
    if (this.#isAcceptor || left.some(({ number, isWelcome }) => number === 0 || isWelcome)) return;
    for (const { session } of left) session.reset(new SessionError('aborted', 'us'));
  }

  #allDone(): void {
    if (!this.#outgoing.ended || !this.#incoming.complete) {
      this.reset(protocolError('the lanes ended before the connection'));
      return;
    }
    this.#settle();
    this.#close.resolve();
  }

  #laneLost(lane: OpenLane, error: SessionError): void {
    if (this.#lanes.get(lane.number) !== lane) return;
    const ends = this.#endsConnection(lane, error);
    if (ends && (error.by === 'us' || this.#peer !== 'acknowledges')) {
      this.reset(error);
      return;
    }
    this.#remove(lane);
    if (ends) this.#endedByPeer(error);
    if (this.#settled) return;
    if (this.#peer !== 'acknowledges') {
      this.#laneDone(lane);
    } else if (this.#lanes.size > 0) {
      this.#acknowledge();
      if (this.#closingSince === undefined) this.#onLaneLost(lane.number);
    } else if (this.#closingSince === undefined) {
      this.reset(error);
    } else {
      this.#allDone();
    }
  }

  /** Whether the connection ends with this lane, or because of what ended it. */
  #endsConnection(lane: OpenLane, error: SessionError): boolean {
    if (this.#settled || this.#closingSince !== undefined) return false;
    const hasCarried = lane.hasBrought || this.#outgoing.hasUsed(lane.number);
    if (this.#peer !== 'acknowledges') return lane.number === 0 || hasCarried;
    if (hasCarried || lane.isWelcome || this.#isAcceptor) return !LANE_FAILURES.includes(error.code);
    if (error.by === 'us' || error.code !== 'gone') return false;
    this.#unknown += 1;
    return this.#unknown >= MAX_UNKNOWN;
  }

  /** The peer has reset the connection, on every lane. What it sent before may still come over those that are left. */
  #endedByPeer(error: SessionError): void {
    this.#settle();
    this.#error = error;
    this.#outgoing.close(error);
    this.#streams.errorWriter(error);
    this.#close.reject(error);
    if (this.#reading.size === 0) this.#incoming.stop();
    else this.#lastReading = setTimeout(() => this.#resetRest(error), CLOSE_MS);
  }

  #doneReading(lane: OpenLane): void {
    this.#reading.delete(lane);
    if (this.#reading.size > 0 || this.#lastReading === undefined) return;
    clearTimeout(this.#lastReading);
    this.#incoming.stop();
  }

  /** Lanes on which the peer's reset has not come are waited for no longer. */
  #resetRest(error: SessionError): void {
    for (const { session } of this.#lanes.values()) session.reset(forOtherLanes(error));
  }

  #remove(lane: OpenLane): void {
    if (this.#lanes.get(lane.number) !== lane) return;
    this.#lanes.delete(lane.number);
    this.#outgoing.leave(lane.number);
  }

  #settle(): void {
    this.#settled = true;
    clearInterval(this.#checking);
    this.#drainIfLast();
  }
}

/** Resets a lane once its session has taken what the lane was given; after a while at any rate. */
async function resetBehindSending({ session, sending }: OpenLane, error: SessionError): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
  await Promise.race([sending, late]);
  clearTimeout(timer);
  session.reset(error);
}

/** Why one lane was reset, as the others are told. */
function forOtherLanes(error: SessionError): SessionError {
  const code = error.code === 'lost' ? 'gone' : error.code;
  return new SessionError(code, 'us', error.message, { cause: error });
}
