import type { Connection, ConnectionStats } from '../session/connection.js';
import { protocolError, SessionError, violation } from '../session/errors.js';
import { StreamPair } from '../session/stream-pair.js';
import { encodeStripeRecord, StripeReader, type StripeRecord } from '../wire/stripe-record.js';
import { IncomingStripes } from './incoming-stripes.js';
import { OutgoingStripes } from './outgoing-stripes.js';

/** Which end of the connection this is. */
export interface StripedConnectionOptions {
  /** At an acceptor: Nym addresses of its further mixnet clients, for the WELCOME of the first lane. */
  readonly addresses?: readonly string[];
  /** At an opener: told those addresses; other lanes may be opened and added from then on. */
  readonly onWelcome?: (addresses: readonly string[]) => void;
}

interface OpenLane {
  readonly number: number;
  readonly session: Connection;
  /** Resolves when records may be put on it: when it is known to reach the peer. Never, if it ends before. */
  readonly usable: Promise<void>;
  readonly use: () => void;
  isWelcome: boolean;
}

/**
 * One connection as a pair of byte streams, carried by several sessions (lanes), each over a mixnet client of its own
 * and so in slots of its own. It looks like a session: whoever uses it need not know.
 *
 * Each lane delivers its records exactly or is reset. A lane that was given records, or brought some, is part of the
 * connection: if it is reset, so is the connection, on all lanes. One that was not, because its way leads nowhere, is
 * done without.
 */
export class StripedConnection implements Connection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly closed: Promise<void>;

  readonly #streams: StreamPair;
  readonly #first: Connection;
  readonly #addresses: readonly string[] | undefined;
  readonly #onWelcome: (addresses: readonly string[]) => void;
  readonly #lanes = new Map<number, OpenLane>();
  readonly #incoming = new IncomingStripes();
  readonly #outgoing = new OutgoingStripes();
  /** Lanes that have brought bytes or the end. */
  readonly #heard = new Set<number>();
  #end: { resolve: () => void; reject: (error: SessionError) => void } | undefined;
  #error: SessionError | undefined;
  #settled = false;

  /** @param first the session of lane 0. */
  constructor(first: Connection, { addresses, onWelcome }: StripedConnectionOptions) {
    this.#first = first;
    this.#addresses = addresses;
    this.#onWelcome = onWelcome ?? (() => undefined);
    this.closed = new Promise((resolve, reject) => (this.#end = { resolve, reject }));
    this.closed.catch(() => undefined);
    this.#streams = new StreamPair({
      pull: (controller) => this.#pull(controller),
      write: (bytes) => this.#outgoing.write(bytes),
      close: () => this.#outgoing.finish(),
      reset: (error) => this.reset(error),
    });
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.add(0, first);
  }

  /** Of all lanes together; how soon the peer answers is told by the first one. */
  stats(): ConnectionStats {
    const first = this.#first.stats();
    const lanes = [...this.#lanes.values()].map(({ session }) => session.stats());
    const own = this.#outgoing.unsent + this.#incoming.unread;
    const heard = [first, ...lanes].flatMap(({ heardAt }) => heardAt ?? []);
    return {
      ...first,
      bytesSent: this.#outgoing.sent,
      bytesReceived: this.#incoming.received,
      bytesBuffered: lanes.reduce((sum, { bytesBuffered }) => sum + bytesBuffered, own),
      bytesHandedOver: lanes.reduce((sum, { bytesHandedOver }) => sum + bytesHandedOver, 0),
      heardAt: heard.length === 0 ? undefined : Math.max(...heard),
    };
  }

  /** Carries the connection over one more session. A lane too many, or for a connection that has ended, is reset. */
  add(number: number, session: Connection): void {
    if (this.#settled || this.#lanes.has(number)) {
      const reason = this.#error && forOtherLanes(this.#error);
      session.reset(reason ?? new SessionError('gone', 'us', 'the connection needs no such lane'));
      return;
    }
    const lane = newLane(number, session);
    if (number === 0 || this.#addresses !== undefined) lane.use();
    this.#lanes.set(number, lane);
    void this.#send(lane);
    Promise.all([session.closed, this.#receive(lane)]).then(
      () => this.#laneDone(lane),
      (error: unknown) => this.#laneLost(lane, violation(error)),
    );
  }

  /** Ends the connection on all lanes and tells the peer, unless the error came from there. */
  reset(error: SessionError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#error = error;
    for (const { session } of this.#lanes.values()) session.reset(forOtherLanes(error));
    this.#outgoing.abandon();
    this.#incoming.abandon();
    this.#streams.error(error);
    this.#end?.reject(error);
  }

  async #send(lane: OpenLane): Promise<void> {
    const writer = lane.session.writable.getWriter();
    const write = (record: StripeRecord) => writer.write(encodeStripeRecord(record));
    try {
      if (this.#addresses !== undefined)
        await write({ type: 'welcome', addresses: lane.number === 0 ? this.#addresses : [] });
      await lane.usable;
      for (;;) {
        const record = await this.#outgoing.take(lane.number);
        if (record === undefined) break;
        await write(record);
      }
      await writer.close();
    } catch {
      // The session's end tells why.
    }
  }

  /** Takes in a lane's records; settles when the last one was read. What breaks the protocol ends the connection. */
  async #receive(lane: OpenLane): Promise<void> {
    const records = new StripeReader();
    const reader = lane.session.readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      try {
        if (done && records.pending > 0) throw protocolError('a lane ended within a record');
        if (done) return;
        for (const record of records.push(value)) await this.#take(lane, record);
      } catch (error) {
        this.reset(violation(error));
        return;
      }
    }
  }

  async #take(lane: OpenLane, record: StripeRecord): Promise<void> {
    if (this.#settled) return;
    if (record.type === 'welcome') {
      this.#welcome(lane, record.addresses);
    } else {
      this.#heard.add(lane.number);
      await this.#incoming.put(lane.number, record);
    }
  }

  #welcome(lane: OpenLane, addresses: readonly string[]): void {
    if (this.#addresses !== undefined || lane.isWelcome) throw protocolError('a WELCOME came that cannot be');
    lane.isWelcome = true;
    lane.use();
    if (lane.number === 0) this.#onWelcome(addresses);
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const bytes = await this.#incoming.read();
      if (this.#settled && this.#error !== undefined) return;
      if (bytes === undefined) controller.close();
      else controller.enqueue(bytes);
    } catch (error) {
      this.reset(violation(error));
    }
  }

  #laneDone(lane: OpenLane): void {
    this.#lanes.delete(lane.number);
    if (this.#settled) return;
    if (this.#lanes.size === 0) this.#allDone();
    else if (this.#outgoing.ended && this.#incoming.exhausted) this.#dropUnwelcome();
  }

  /** Everything was carried: lanes that the peer has not answered on are waited for no longer. */
  #dropUnwelcome(): void {
    const left = [...this.#lanes.values()];
    if (this.#addresses !== undefined || left.some(({ number, isWelcome }) => number === 0 || isWelcome))
      return;
    for (const { session } of left) session.reset(new SessionError('aborted', 'us'));
  }

  #allDone(): void {
    if (!this.#outgoing.ended || !this.#incoming.exhausted) {
      this.reset(protocolError('the lanes ended before the connection'));
      return;
    }
    this.#settled = true;
    this.#end?.resolve();
  }

  #laneLost(lane: OpenLane, error: SessionError): void {
    if (lane.number === 0 || this.#hasCarried(lane)) {
      this.reset(error);
      return;
    }
    this.#outgoing.leave(lane.number);
    this.#laneDone(lane);
  }

  #hasCarried({ number }: OpenLane): boolean {
    return this.#outgoing.hasUsed(number) || this.#heard.has(number);
  }
}

function newLane(number: number, session: Connection): OpenLane {
  let use: () => void = () => undefined;
  const usable = new Promise<void>((resolve) => (use = resolve));
  return { number, session, usable, use, isWelcome: false };
}

/** Why one lane was reset, as the others are told. */
function forOtherLanes(error: SessionError): SessionError {
  const code = error.code === 'lost' ? 'gone' : error.code;
  return new SessionError(code, 'us', error.message, { cause: error });
}
