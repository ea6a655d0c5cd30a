import { tooMuchHeld } from '../admission/held-bytes.js';
import { WindowShares } from '../admission/window-shares.js';
import type { Connection, ConnectionStats } from './connection.js';
import { SessionError } from './errors.js';

/** The limits that open connections meet; 0, or none given, is no limit. */
export interface WatchLimits {
  /** Bytes held for all connections together, what the official client may still hold of them included. */
  readonly maxBufferedBytes: number;
  /** Time in ms within which a connection must have carried a byte, in whichever direction. */
  readonly firstByteTimeoutMs?: number;
  /** Time in ms without a byte in either direction. */
  readonly idleTimeoutMs?: number;
}

/** A limit that a connection has reached; `token` if its access token was revoked. */
export type WatchedLimit = 'buffered-bytes' | 'first-byte' | 'idle' | 'token';

/** A connection that is watched. */
export interface Watched {
  readonly connection: Pick<Connection, 'stats' | 'limitWindow'>;
  /** Whose it is: Nym address or sender tag of the mixnet client at the other end. */
  readonly owner: string;
  /** Whether its access token is still good; it needs none unless given. */
  readonly mayStay?: () => boolean;
  /** Ends it with this error; called once, and it is watched no more. */
  readonly end: (error: SessionError, limit: WatchedLimit) => void;
}

interface Progress {
  readonly bytes: number;
  /** When the count of bytes changed last, or the watch began. */
  readonly at: number;
}

/** A connection at the time of a check. */
interface Look {
  readonly watched: Watched;
  readonly owner: string;
  readonly stats: ConnectionStats;
  readonly bytesBuffered: number;
}

/** How often the connections are looked at. */
const CHECK_EVERY_MS = 1000;

/**
 * Watches open connections: ends those that reach a limit, and shares the memory out among them. Each is told how large
 * a window it may grant, so that senders slow down as memory fills, and nobody else's connection is reset for them.
 */
export class ConnectionWatch {
  readonly #limits: WatchLimits;
  readonly #now: () => number;
  readonly #watched = new Map<Watched, Progress>();
  #checking: ReturnType<typeof setInterval> | undefined;

  /** @param now a clock that does not go back, in ms. */
  constructor(limits: WatchLimits, now = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Connections watched. */
  get size(): number {
    return this.#watched.size;
  }

  /**
   * Watches a connection, which must not have granted its peer anything yet if it is to grant no more than its share.
   * Returns what ends the watch.
   */
  add(watched: Watched): () => void {
    this.#watched.set(watched, { bytes: 0, at: this.#now() });
    this.#checking ??= setInterval(() => this.check(), CHECK_EVERY_MS);
    if (watched.connection.limitWindow) watched.connection.limitWindow(this.#shares().limitOf(watched.owner));
    return () => this.#remove(watched);
  }

  /** Looks at every connection now. */
  check(): void {
    const now = this.#now();
    const staying = this.#look().filter((look) => !this.#endIfOverdue(look, now));
    const victims = new Set(tooMuchHeld(staying, ({ owner }) => owner, this.#limits.maxBufferedBytes));
    for (const { watched } of victims) {
      const reason = 'the connections together hold more bytes than allowed, and those of its peer most';
      this.#end(watched, 'buffered-bytes', new SessionError('limit', 'us', reason));
    }
    const rest = staying.filter((look) => !victims.has(look));
    const shares = sharesOf(rest, this.#limits);
    for (const { watched, owner } of rest) watched.connection.limitWindow?.(shares.limitOf(owner));
  }

  #look(): Look[] {
    return [...this.#watched.keys()].map((watched) => {
      const stats = watched.connection.stats();
      // What the official client may still hold is a second copy, or the only one.
      const bytesBuffered = stats.bytesBuffered + stats.bytesHandedOver;
      return { watched, owner: watched.owner, stats, bytesBuffered };
    });
  }

  #shares(): WindowShares {
    return sharesOf(this.#look(), this.#limits);
  }

  /** Tells whether it has ended the connection. */
  #endIfOverdue({ watched, stats }: Look, now: number): boolean {
    if (watched.mayStay?.() === false) {
      this.#end(watched, 'token', new SessionError('token', 'us', 'its access token was revoked'));
      return true;
    }
    const { firstByteTimeoutMs = 0, idleTimeoutMs = 0 } = this.#limits;
    const bytes = stats.bytesSent + stats.bytesReceived;
    const progress = this.#watched.get(watched);
    if (progress?.bytes !== bytes) {
      this.#watched.set(watched, { bytes, at: now });
      return false;
    }
    const silentMs = now - progress.at;
    if (bytes === 0 && isOver(silentMs, firstByteTimeoutMs)) {
      this.#timeout(watched, 'first-byte', `no byte came within ${firstByteTimeoutMs / 1000} s`);
      return true;
    }
    if (!isOver(silentMs, idleTimeoutMs)) return false;
    this.#timeout(watched, 'idle', `nothing was carried for ${idleTimeoutMs / 1000} s`);
    return true;
  }

  #timeout(watched: Watched, limit: WatchedLimit, reason: string): void {
    this.#end(watched, limit, new SessionError('timeout', 'us', reason));
  }

  #end(watched: Watched, limit: WatchedLimit, error: SessionError): void {
    this.#remove(watched);
    watched.end(error, limit);
  }

  #remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }
}

function sharesOf(looks: readonly Look[], { maxBufferedBytes }: WatchLimits): WindowShares {
  const taken = looks.map(({ owner, bytesBuffered, stats }) => ({
    owner,
    bytes: bytesBuffered + stats.bytesGranted,
  }));
  return new WindowShares(taken, maxBufferedBytes);
}

/** Whether a time has come to a limit that is one. */
function isOver(ms: number, limitMs: number): boolean {
  return limitMs > 0 && ms >= limitMs;
}
