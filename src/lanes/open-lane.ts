import { deferred } from '../basics/deferred.js';
import type { Connection } from '../session/connection.js';

/**
 * How long nothing is heard on a lane that owes an acknowledgement, after which it is taken for dead if there is another.
 * A session that is alive acknowledges within 4 s and a round trip, and the official client sends lost packets again
 * every 1.6 s. Where round trips are long, or the machine is busy, it is several of those of the slowest lane: what goes
 * again for nothing makes them longer still.
 */
const SILENCE_MS = 6000;
const SILENCE_ROUND_TRIPS = 4;
const MAX_SILENCE_MS = 30_000;

/** One of the sessions that carry a connection, and what is known of how it does. */
export class OpenLane {
  readonly number: number;
  readonly session: Connection;
  /** Resolves when records may be put on it: when it is known to reach the peer. Never, if it ends before. */
  readonly usable: Promise<void>;
  isUsable = false;
  /** Whether the acceptor has answered on it. */
  isWelcome = false;
  /** Whether bytes or the end have come over it. */
  hasBrought = false;
  /** Whether it gets nothing because it does not work. */
  isHeld = false;
  /** Whether it has a mixnet client, and what it is given is acknowledged, as of the last look. */
  works = true;
  /** Bytes written to the session. */
  written = 0;
  /** Settles when nothing more is written to the session. */
  sending: Promise<void> = Promise.resolve();
  readonly #usable = deferred();
  #acknowledged = 0;
  #heardAt: number | undefined;
  #progressAt: number;

  constructor(number: number, session: Connection, now: number) {
    this.number = number;
    this.session = session;
    this.usable = this.#usable.promise;
    this.#progressAt = now;
  }

  /** Records may be put on it. */
  use(): void {
    this.isUsable = true;
    this.#usable.resolve();
  }

  /**
   * Finds out whether it works.
   *
   * @param isWaitedOn whether the peer may lack anything that it was given.
   * @param roundTripMs of the slowest lane.
   */
  look(now: number, isWaitedOn: boolean, roundTripMs: number): void {
    const { bytesAcknowledged, heardAt, pausedSince } = this.session.stats();
    const isNews = bytesAcknowledged !== this.#acknowledged || heardAt !== this.#heardAt;
    if (isNews || !isWaitedOn || bytesAcknowledged >= this.written) this.#progressAt = now;
    this.#acknowledged = bytesAcknowledged;
    this.#heardAt = heardAt;
    if (pausedSince !== undefined) {
      this.works = false;
    } else if (this.isHeld) {
      // What it held is with others, so only something new tells that it lives.
      this.works = isNews;
    } else {
      const silenceMs = Math.min(Math.max(SILENCE_MS, SILENCE_ROUND_TRIPS * roundTripMs), MAX_SILENCE_MS);
      this.works = now - this.#progressAt < silenceMs;
    }
  }
}
