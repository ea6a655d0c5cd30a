import type { SessionError } from './errors.js';

/**
 * What a connection has carried and holds, and what is known of its peer, at one moment. Points in time are those of
 * `performance.now()`.
 */
export interface ConnectionStats {
  /** Bytes of the connection sent so far. */
  readonly bytesSent: number;
  /** Bytes of the connection received in order so far. */
  readonly bytesReceived: number;
  /** Bytes held: written and not yet sent, sent and not yet acknowledged, received and not yet read. */
  readonly bytesBuffered: number;
  /** Bytes that the peer may still send, by what it was told. */
  readonly bytesGranted: number;
  /** Bytes of those sent that the peer has acknowledged. */
  readonly bytesAcknowledged: number;
  /** Bytes of those sent that the mixnet client may still hold: at most what the peer has not acknowledged. */
  readonly bytesHandedOver: number;
  /** When the peer was last heard of. */
  readonly heardAt: number | undefined;
  /** Since when the peer has owed its first answer, while there is a mixnet client to hear it. */
  readonly unansweredSince: number | undefined;
  /** Since when this end has been without a mixnet client. */
  readonly pausedSince: number | undefined;
  /** How long the peer's last answer took in ms, its upstream's time included; `undefined` before the first. */
  readonly roundTripMs: number | undefined;
  /** How long the peer's first answer took in ms, as {@link roundTripMs}. */
  readonly openingMs: number | undefined;
}

/** One end of a connection through the mixnet: a session, or several (lanes) that carry it together. */
export interface Connection {
  /** The peer's bytes, exactly and in order. Errors with a {@link SessionError}; cancelling resets the connection. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes for the peer. Closing half-closes; aborting resets, with the code of a {@link SessionError} if it is one. */
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when each end has all of the other's bytes; rejects with the {@link SessionError} of a reset. */
  readonly closed: Promise<void>;
  /** Resolves when nothing is held for the connection any more, after {@link closed}; with it unless given. */
  readonly drained?: Promise<void>;
  /** Ends the connection in both directions and tells the peer, unless the error came from there. */
  reset(error: SessionError): void;
  /** What there is to know of it now. */
  stats(): ConnectionStats;
  /** The version of the session protocol that both ends speak; 1 until it is known. */
  readonly version?: number;
  /** Grants the peer no more than this many bytes ahead of what was read, from now on; what was granted stays so. */
  limitWindow?(bytes: number): void;
}
