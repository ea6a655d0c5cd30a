import type { MixnetClient } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { lostOrAborted } from '../mixnet/succession.js';
import { SessionAcceptor } from '../session/acceptor.js';
import type { Connection } from '../session/connection.js';
import { SessionError } from '../session/errors.js';
import type { Session } from '../session/session.js';
import { Access } from './access.js';
import { Admission, type Admitted } from './admission.js';
import { joinStreams, type UpstreamConnection } from './join.js';
import { FLUSH_MS } from './limits.js';
import { envelopesOf, type ServerProtocol } from './protocol.js';
import { reportOf, type ProxyEvents } from './session-report.js';
import { sessionLimits, type LimitName, type SessionLimits } from './session-limits.js';
import { SessionWatch, type WatchedSession } from './session-watch.js';
import { ProxyStats, type ProxyCounts } from './stats.js';
import { StripedSessions } from './striped-sessions.js';
import { Tasks } from './tasks.js';

/** What a {@link SessionServer} is made of. */
export interface SessionServerOptions {
  /**
   * Opens a connection to the upstream of that name, or the default one; rejects with a {@link SessionError} that the
   * opener is told.
   */
  readonly connectUpstream: (signal: AbortSignal, name: string | undefined) => Promise<UpstreamConnection>;
  /** Whether there is an upstream of that name, or a default one; only the latter unless given. */
  readonly hasUpstream?: (name: string | undefined) => boolean;
  readonly closeTimeoutMs?: number;
  /** What the sessions travel as; `both` unless given. A `RangeError` tells of one that is none. */
  readonly protocol?: ServerProtocol | undefined;
  /** Default: `DEFAULT_SESSION_LIMITS`. A `RangeError` tells of one that is none. */
  readonly limits?: Partial<SessionLimits> | undefined;
  /** The access tokens that are good now; without it everybody may open sessions. */
  readonly tokens?: (() => readonly string[] | undefined) | undefined;
}

/** The events of a {@link SessionServer}. */
export interface ServerEvents extends Omit<ProxyEvents, 'retry' | 'recovery'> {
  /** Somebody was not let in. */
  refusal: { readonly limit: LimitName };
}

/** How often the limits of open sessions are looked at. */
const WATCH_EVERY_MS = 1000;

/** One of a server's mixnet clients, and what accepts sessions there. */
interface Lane {
  readonly acceptor: SessionAcceptor;
  client: MixnetClient | undefined;
}

/**
 * Forwards every session that arrives at a mixnet client to a connection of its own to the upstream. Both outlive the
 * client, if another one comes soon.
 *
 * It may have further mixnet clients, for connections whose openers carry them over several sessions: those are told
 * where else their sessions may go.
 */
export class SessionServer {
  readonly #options: SessionServerOptions;
  readonly #listeners: { readonly [E in keyof ServerEvents]: Listeners<ServerEvents[E]> } = {
    session: new Listeners(),
    end: new Listeners(),
    error: new Listeners(),
    refusal: new Listeners(),
  };
  /** By number, all behind one gate; 0 is the client that everybody knows. */
  readonly #lanes = new Map<number, Lane>();
  readonly #striped = new StripedSessions();
  readonly #running = new Tasks();
  readonly #stats = new ProxyStats();
  readonly #access: Access | undefined;
  readonly #admission: Admission;
  readonly #watch: SessionWatch<WatchedEnd>;
  #watching: ReturnType<typeof setInterval> | undefined;
  /** One for each connection under way: a single signal would collect the listeners of all. */
  readonly #cuts = new Set<AbortController>();
  #sessions = 0;

  constructor(options: SessionServerOptions) {
    const { hasUpstream = (name) => name === undefined, tokens } = options;
    const limits = sessionLimits(options.limits);
    this.#options = options;
    this.#access = tokens && new Access(tokens, () => Math.floor(Date.now() / 1000));
    this.#admission = new Admission({
      limits,
      access: this.#access,
      hasUpstream,
      now: () => performance.now(),
      onRefusal: (limit) => this.#noteRefusal(limit),
    });
    this.#laneOf(0);
    this.#watch = new SessionWatch(limits);
  }

  /** What was counted so far. */
  get counts(): ProxyCounts {
    return this.#stats.counts;
  }

  /** Entries of all that is kept of sessions and strangers, for those who want to see that it is bounded. */
  get remembered(): number {
    const acceptors = this.#acceptors;
    const sessions = acceptors.reduce((sum, { size, remembered }) => sum + size + remembered, 0);
    return this.#admission.remembered + this.#watch.size + this.#striped.size + sessions;
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof ServerEvents>(event: E, listener: (value: ServerEvents[E]) => void): () => void {
    return this.#listeners[event].add(listener);
  }

  /**
   * Serves sessions over one client, those of the client before included, until the signal aborts or the client is lost.
   * The sessions then wait for another client under the same Nym address, for a limited time.
   *
   * @param number which of the server's clients it is, or follows; 0 is the one that everybody knows.
   */
  async serve(client: MixnetClient, signal: AbortSignal, number = 0): Promise<void> {
    const lane = this.#laneOf(number);
    lane.client = client;
    this.#watching ??= setInterval(() => this.#endTheOverdue(), WATCH_EVERY_MS);
    lane.acceptor.serveOver(client);
    await lostOrAborted(client, signal);
  }

  /** Resets the sessions of a client whose Nym address is lost with it. */
  async leave(number: number, reason: SessionError): Promise<void> {
    const lane = this.#lanes.get(number);
    this.#lanes.delete(number);
    await lane?.acceptor.close(reason);
  }

  /** Refuses new sessions; settles when the open ones have ended. Never rejects. */
  async drain(): Promise<void> {
    this.#admission.stop();
    await this.#running.ended();
  }

  /**
   * Resets every session and lets go of its upstream connection; the peers are told if there still is a client.
   *
   * @param reason if it is not that the server shuts down.
   */
  async close(reason?: SessionError): Promise<void> {
    clearInterval(this.#watching);
    await Promise.all(this.#acceptors.map((acceptor) => acceptor.close(reason)));
    const clients = [...this.#lanes.values()].flatMap(({ client }) => client ?? []);
    await Promise.all(clients.map((client) => client.flush(FLUSH_MS)));
    // What an upstream has not taken by then, it will not get.
    for (const cut of this.#cuts) cut.abort();
    await this.#running.ended();
  }

  get #acceptors(): readonly SessionAcceptor[] {
    return [...this.#lanes.values()].map(({ acceptor }) => acceptor);
  }

  /** Nym addresses of the further clients that are ready. */
  get #furtherAddresses(): readonly string[] {
    const further = [...this.#lanes].filter(([number]) => number > 0);
    return further.flatMap(([, { client }]) => (client?.state === 'ready' ? client.address : []));
  }

  #laneOf(number: number): Lane {
    const known = this.#lanes.get(number);
    if (known !== undefined) return known;
    const { protocol, closeTimeoutMs } = this.#options;
    const acceptor = new SessionAcceptor({
      envelopes: envelopesOf(protocol),
      onSession: (session) => this.#accept(session),
      gate: this.#admission,
      closeTimeoutMs,
    });
    const lane: Lane = { acceptor, client: undefined };
    this.#lanes.set(number, lane);
    return lane;
  }

  #accept(session: Session): void {
    const admitted = this.#admission.admitted(session.id);
    const lane = admitted?.lane;
    const whole = lane ? this.#striped.add(session, lane, this.#furtherAddresses) : session;
    const release = () => this.#admission.release(session.id);
    if (whole === undefined) session.closed.then(release, release);
    else this.#running.add(this.#forward(whole, admitted).finally(release));
  }

  async #forward(session: Connection, admitted: Admitted | undefined): Promise<void> {
    this.#sessions += 1;
    const number = this.#sessions;
    this.#listeners.session.call(reportOf(number, session));
    this.#stats.opened(session);
    const cut = new AbortController();
    const watched = new WatchedEnd(session, cut, admitted, this.#access);
    this.#watch.add(watched, performance.now());
    this.#cuts.add(cut);
    try {
      const upstream = await this.#connect(session, admitted?.upstream);
      await joinStreams(session, upstream, cut.signal);
      await session.closed;
      this.#stats.ended(session);
      this.#listeners.end.call(reportOf(number, session));
    } catch (error) {
      const reason =
        error instanceof SessionError
          ? error
          : new SessionError('upstream-reset', 'us', undefined, { cause: error });
      session.reset(reason);
      await session.closed.catch(() => undefined);
      this.#stats.reset(session, reason.code);
      this.#listeners.error.call({ session: reportOf(number, session), error: reason });
    } finally {
      this.#cuts.delete(cut);
      this.#watch.remove(watched);
    }
  }

  #endTheOverdue(): void {
    for (const { session: watched, limit, code, reason } of this.#watch.check(performance.now())) {
      this.#noteRefusal(limit);
      watched.session.reset(new SessionError(code, 'us', reason));
      // An upstream that takes nothing more holds up what has been read of the session already.
      watched.cut.abort();
    }
  }

  #noteRefusal(limit: LimitName): void {
    this.#stats.refused(limit);
    this.#listeners.refusal.call({ limit });
  }

  /** Connects to the upstream; gives up when the opener does. */
  async #connect(session: Connection, name: string | undefined): Promise<UpstreamConnection> {
    const control = new AbortController();
    const stop = (error?: unknown) => control.abort(error);
    session.closed.then(stop, stop);
    return this.#options.connectUpstream(control.signal, name);
  }
}

class WatchedEnd implements WatchedSession {
  readonly session: Connection;
  readonly senderTag: string;
  /** Breaks its upstream connection off. */
  readonly cut: AbortController;
  readonly #token: string | undefined;
  readonly #access: Access | undefined;

  constructor(
    session: Connection,
    cut: AbortController,
    admitted: Admitted | undefined,
    access: Access | undefined,
  ) {
    this.session = session;
    this.senderTag = admitted?.senderTag ?? '';
    this.cut = cut;
    this.#token = admitted?.token;
    this.#access = access;
  }

  get bytesCarried(): number {
    const { bytesSent, bytesReceived } = this.session.stats();
    return bytesSent + bytesReceived;
  }

  /** What the official client may still hold is a second copy, or the only one. */
  get bytesBuffered(): number {
    const { bytesBuffered, bytesHandedOver } = this.session.stats();
    return bytesBuffered + bytesHandedOver;
  }

  get mayStay(): boolean {
    return this.#token === undefined || this.#access === undefined || this.#access.isGood(this.#token);
  }
}
