import type { MixnetClient } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { lostOrAborted } from '../mixnet/succession.js';
import { SessionAcceptor } from '../session/acceptor.js';
import type { Connection } from '../session/connection.js';
import { ConnectionWatch } from '../session/connection-watch.js';
import type { SessionError } from '../session/errors.js';
import { FLUSH_MS } from '../session/limits.js';
import type { Session } from '../session/session.js';
import { Access } from './access.js';
import { Admission, type Admitted } from './admission.js';
import { Connections } from './connections.js';
import type { UpstreamConnection } from './join.js';
import { envelopesOf, type ServerProtocol } from './protocol.js';
import type { ProxyEvents } from './session-report.js';
import { sessionLimits, type LimitName, type SessionLimits } from './session-limits.js';
import type { ProxyCounts } from './stats.js';
import { LaneSessions } from './lane-sessions.js';
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
  readonly #refusals = new Listeners<ServerEvents['refusal']>();
  readonly #connections = new Connections('upstream-reset');
  /** By number, all behind one gate; 0 is the client that everybody knows. */
  readonly #lanes = new Map<number, Lane>();
  readonly #laneSessions = new LaneSessions();
  readonly #running = new Tasks();
  readonly #access: Access | undefined;
  readonly #admission: Admission;
  readonly #watch: ConnectionWatch;

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
    this.#watch = new ConnectionWatch(limits);
  }

  /** What was counted so far. */
  get counts(): ProxyCounts {
    return this.#connections.counts;
  }

  /** Entries of all that is kept of sessions and strangers, for those who want to see that it is bounded. */
  get remembered(): number {
    const acceptors = this.#acceptors;
    const sessions = acceptors.reduce((sum, { size, remembered }) => sum + size + remembered, 0);
    return this.#admission.remembered + this.#watch.size + this.#laneSessions.size + sessions;
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof ServerEvents>(event: E, listener: (value: ServerEvents[E]) => void): () => void {
    if (event === 'refusal') return this.#refusals.add(listener as (value: ServerEvents['refusal']) => void);
    return this.#connections.on(event as 'session', listener as (value: ServerEvents['session']) => void);
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
    this.#laneSessions.close();
    await Promise.all(this.#acceptors.map((acceptor) => acceptor.close(reason)));
    const clients = [...this.#lanes.values()].flatMap(({ client }) => client ?? []);
    await Promise.all(clients.map((client) => client.flush(FLUSH_MS)));
    this.#connections.cut();
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
    const whole = lane ? this.#laneSessions.add(session, lane, this.#furtherAddresses) : session;
    const release = () => this.#admission.release(session.id);
    if (whole === undefined) session.closed.then(release, release);
    else this.#running.add(this.#forward(whole, admitted).finally(release));
  }

  #forward(session: Connection, admitted: Admitted | undefined): Promise<void> {
    const { senderTag = '', token, upstream } = admitted ?? {};
    const access = this.#access;
    return this.#connections.carry(session, {
      connect: () => this.#connect(session, upstream),
      watch: (cut) =>
        this.#watch.add({
          connection: session,
          owner: senderTag,
          mayStay: () => token === undefined || access === undefined || access.isGood(token),
          end: (error, limit) => {
            this.#noteRefusal(limit);
            session.reset(error);
            // An upstream that takes nothing more holds up what has been read of the session already.
            cut();
          },
        }),
    });
  }

  #noteRefusal(limit: LimitName): void {
    this.#connections.refused(limit);
    this.#refusals.call({ limit });
  }

  /** Connects to the upstream; gives up when the opener does. */
  async #connect(session: Connection, name: string | undefined): Promise<UpstreamConnection> {
    const control = new AbortController();
    const stop = (error?: unknown) => control.abort(error);
    session.closed.then(stop, stop);
    return this.#options.connectUpstream(control.signal, name);
  }
}
