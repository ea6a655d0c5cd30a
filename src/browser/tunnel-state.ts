/**
 * What a tunnel tells of itself.
 *
 * @module
 */

import type { SessionErrorCode } from '../session/errors.js';

/** Whether the tunnel can be used. */
export type TunnelState =
  | {
      readonly state: 'ready';
      /** Whether this tab holds the mixnet client, or uses that of another tab. */
      readonly role: 'holder' | 'guest';
      /** Of the mixnet client; with a client per connection, of the one that started last. */
      readonly nymAddress: string;
    }
  | {
      /** The mixnet client is gone and is being replaced; new connections wait, for 10 s at most while no tab holds the tunnel. */
      readonly state: 'waiting';
      readonly reason: string;
      /** Time in ms until the next try; `undefined` if one is under way. */
      readonly retryMs: number | undefined;
    };

/** A session, open or among the last that ended. */
export interface SessionSnapshot {
  /** Counts the tunnel's sessions, from 1. */
  readonly number: number;
  readonly state: 'open' | 'ended' | 'reset';
  /** As of `Date.now()`. */
  readonly openedAt: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Written and not yet sent, received and not yet read. */
  readonly bytesBuffered: number;
  /** How long the peer's last answer took, its upstream's time included. */
  readonly roundTripMs: number | undefined;
  /** Why it was reset; `aborted` is the page's own doing. */
  readonly error: { readonly code: SessionErrorCode; readonly message: string } | undefined;
}

/** A mixnet client that carries sessions. */
export interface ClientSnapshot {
  readonly nymAddress: string;
  /** Base58 identity of its gateway. */
  readonly gateway: string;
  /** Sphinx packets given to the official client and not yet on the wire; an estimate. */
  readonly packetsWaiting: number;
  /** Sphinx packets that have left, decoys included. */
  readonly packetsSent: number;
  /** SURBs that the server has left for this client, by our count. */
  readonly surbs: number;
}

/** A look at a tunnel. Of all tabs that share it, and without anything that would let somebody speak in its name. */
export interface TunnelSnapshot {
  readonly state: TunnelState;
  /** Of the server that new connections go to. */
  readonly serverAddress: string;
  readonly clients: readonly ClientSnapshot[];
  /** The open sessions and the last that ended, oldest first. */
  readonly sessions: readonly SessionSnapshot[];
  /** Of all sessions since the start. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** The last one that was measured. */
  readonly roundTripMs: number | undefined;
}

/** A state and the number that the next one is asked for with. */
export interface NumberedState {
  readonly number: number;
  readonly state: TunnelState;
}

/** Shows the latest state, and calls whoever waits for the next. */
export class StateBoard {
  #latest: NumberedState;
  #waiting: ((latest: NumberedState) => void)[] = [];

  constructor(state: TunnelState) {
    this.#latest = { number: 1, state };
  }

  get state(): TunnelState {
    return this.#latest.state;
  }

  /** Shows a state, unless it is shown already. */
  show(state: TunnelState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#latest.state)) return;
    this.#latest = { number: this.#latest.number + 1, state };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(this.#latest);
  }

  /** The latest state, as soon as it is another one than number `seen`; 0 for any. */
  next(seen: number): Promise<NumberedState> {
    if (this.#latest.number !== seen) return Promise.resolve(this.#latest);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
