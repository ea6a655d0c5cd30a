import { OptionError } from '../basics/options-check.js';
import type { Connection } from '../session/connection.js';
import { SessionError, type SessionErrorCode } from '../session/errors.js';
import { parseNymAddress } from '../wire/nym-address.js';

/**
 * Silence after which a server that never answered a session is taken for dead, if there is another one. Ours answers at
 * once; one whose gateway restarts is back after 15 s. A quarter of what a server without an alternative is given.
 */
export const ANSWER_LIMIT_MS = 30_000;

/** How long a server that failed is passed over if another one has not; doubles with each further failure. */
export const FIRST_PAUSE_MS = 30_000;

/** The longest that it is. */
export const LAST_PAUSE_MS = 480_000;

/** A connection, as far as its server is judged by it. */
type Followed = Pick<Connection, 'stats' | 'closed' | 'reset'>;

/** New sessions go to another server. */
export interface ServerChange {
  /** Counts the addresses in the order in which they were given, from 1. */
  readonly server: number;
  /** How many there are. */
  readonly of: number;
  /** What became of a session with the server before. */
  readonly error: Error;
}

/** How a client chooses among its servers. */
export interface ServersOptions {
  /** Whether connections are spread over all servers that take them, not kept at one. */
  readonly balance?: boolean | undefined;
  readonly onChange?: ((change: ServerChange) => void) | undefined;
  /** {@link ANSWER_LIMIT_MS} unless given. */
  readonly answerLimitMs?: number;
  /** The clock of the sessions, in ms. */
  readonly now?: () => number;
}

interface Following {
  readonly openedAt: number;
  timer?: ReturnType<typeof setTimeout>;
}

interface Server {
  readonly address: string;
  readonly sessions: Map<Followed, Following>;
  /** When any of its sessions that have ended last heard of it. */
  heardAt: number;
  failures: number;
  failedAt: number;
  /** Until then it is passed over. */
  pausedUntil: number;
}

/**
 * The servers that a client may open sessions with, all in front of the same service. One is in use, and stays so as long
 * as it takes sessions, so that there is no to and fro; then the next in turn that has not failed lately.
 *
 * A session stays with the server that it was opened with, where its state and its upstream connection are. One that was
 * never answered is not opened anew at the next server either, but reset: what it has sent may have reached an upstream
 * though the answer did not come back, and would reach one twice. To hold bytes back until a server has answered would
 * cost every connection a round trip, and a Rust server answers with its upstream's first bytes only. Whoever uses the
 * connection knows whether it can be repeated.
 */
export class Servers {
  readonly #servers: readonly Server[];
  readonly #onChange: (change: ServerChange) => void;
  readonly #answerLimitMs: number;
  readonly #now: () => number;
  readonly #balance: boolean;
  #inUse: Server;

  /**
   * @param addresses as {@link serverAddresses} gives them.
   * @throws {RangeError} if there are none.
   */
  constructor(addresses: readonly string[], options: ServersOptions = {}) {
    const {
      onChange = () => undefined,
      answerLimitMs = ANSWER_LIMIT_MS,
      now = () => performance.now(),
    } = options;
    this.#servers = addresses.map((address) => ({
      address,
      sessions: new Map(),
      heardAt: -Infinity,
      failures: 0,
      failedAt: -Infinity,
      pausedUntil: -Infinity,
    }));
    this.#onChange = onChange;
    this.#answerLimitMs = answerLimitMs;
    this.#balance = options.balance ?? false;
    this.#now = now;
    const [first] = this.#servers;
    if (first === undefined) throw noAddress();
    this.#inUse = first;
  }

  /** The address for a new session, which is then in use. */
  choose(): string {
    if (this.#balance) this.#inUse = this.#leastBusy();
    return this.#inUse.address;
  }

  /** Where new sessions go, or with `balance` the last one went. */
  get address(): string {
    return this.#inUse.address;
  }

  /** The same as its place among the addresses, from 1. */
  get number(): number {
    return this.#servers.indexOf(this.#inUse) + 1;
  }

  /** Judges a server by what becomes of a session with it. */
  follow(address: string, session: Followed): void {
    const server = this.#servers.find((one) => one.address === address);
    if (server === undefined || this.#servers.length === 1) return;
    const following: Following = { openedAt: this.#now() };
    server.sessions.set(session, following);
    this.#awaitAnswer(server, session, following);
    const ended = (error?: unknown) => {
      clearTimeout(following.timer);
      server.sessions.delete(session);
      const { heardAt = -Infinity, bytesReceived } = session.stats();
      server.heardAt = Math.max(server.heardAt, heardAt);
      if (bytesReceived > 0) server.failures = 0;
      const blamed = error instanceof SessionError && this.#isToBlame(server, session, error);
      // Of failures that come together, the first one counts.
      if (blamed && following.openedAt > server.failedAt) this.#leave(server, error);
    };
    session.closed.then(() => ended(), ended);
  }

  /** Gives an unanswered session up in time, unless the server has answered others: then its upstream is slow. */
  #awaitAnswer(server: Server, session: Followed, following: Following): void {
    const { heardAt, unansweredSince } = session.stats();
    if (heardAt !== undefined) return;
    const now = this.#now();
    const since = unansweredSince ?? now;
    const left = since + this.#answerLimitMs - now;
    if (left > 0) {
      const again = () => this.#awaitAnswer(server, session, following);
      following.timer = setTimeout(again, Math.ceil(left));
    } else if (lastHeardAt(server) < since) {
      const limit = `${this.#answerLimitMs / 1000} s`;
      session.reset(
        new SessionError('timeout', 'us', `the server did not answer within ${limit}; another is tried`),
      );
    }
  }

  #isToBlame(server: Server, session: Followed, { by, code }: SessionError): boolean {
    if (by === 'us') return code === 'timeout' && lastHeardAt(server) < this.#now() - this.#answerLimitMs;
    if (code === 'gone') return true;
    const { bytesReceived, bytesSent } = session.stats();
    if (bytesReceived > 0) return false;
    return NOT_TAKEN.includes(code) || (code === 'timeout' && bytesSent > 0);
  }

  #leave(server: Server, error: Error): void {
    const now = this.#now();
    server.failedAt = now;
    server.pausedUntil = now + Math.min(FIRST_PAUSE_MS * 2 ** server.failures, LAST_PAUSE_MS);
    server.failures += 1;
    if (server !== this.#inUse || this.#balance) return;
    this.#inUse = this.#next(now);
    this.#onChange({ server: this.number, of: this.#servers.length, error });
  }

  /** Of those that have not failed lately the one with the fewest connections; in turn among equals. */
  #leastBusy(): Server {
    const now = this.#now();
    const at = this.#servers.indexOf(this.#inUse) + 1;
    const inTurn = [...this.#servers.slice(at), ...this.#servers.slice(0, at)];
    const usable = inTurn.filter(({ pausedUntil }) => pausedUntil <= now);
    const byLoad = usable.toSorted((a, b) => a.sessions.size - b.sessions.size);
    const [soonest = this.#inUse] = inTurn.toSorted((a, b) => a.pausedUntil - b.pausedUntil);
    return byLoad[0] ?? soonest;
  }

  /** The next in turn, or if all have failed, the one whose time is up first. */
  #next(now: number): Server {
    const at = this.#servers.indexOf(this.#inUse);
    const others = [...this.#servers.slice(at + 1), ...this.#servers.slice(0, at)];
    const [soonest = this.#inUse] = others.toSorted((a, b) => a.pausedUntil - b.pausedUntil);
    return others.find(({ pausedUntil }) => pausedUntil <= now) ?? soonest;
  }
}

/** Why a server did not take a session that another one might. With `timeout`, its upstream did not. */
const NOT_TAKEN: readonly SessionErrorCode[] = ['refused', 'unreachable', 'limit', 'token', 'no-upstream'];

/** When a server was last heard of in any session. */
function lastHeardAt(server: Server): number {
  return Math.max(
    server.heardAt,
    ...[...server.sessions.keys()].map((session) => session.stats().heardAt ?? -Infinity),
  );
}

/**
 * Server addresses as somebody gave them, each once and without blanks around it.
 *
 * @throws {WireError} if one is not a Nym address.
 * @throws {RangeError} if there are none.
 */
export function serverAddresses(given: string | readonly string[]): readonly string[] {
  const addresses = [given].flat().map((address) => {
    parseNymAddress(address);
    return address.trim();
  });
  if (addresses.length === 0) throw noAddress();
  return [...new Set(addresses)];
}

function noAddress(): RangeError {
  return new OptionError('there must be a server address');
}
