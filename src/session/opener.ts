import type { MixnetClient, MixnetMessage } from '../mixnet/client.js';
import { WireError } from '../wire/errors.js';
import type { Lane } from '../wire/lane.js';
import type { OpenRequest } from '../wire/open-request.js';
import { replyPackets } from '../wire/packet-count.js';
import type { SessionId } from '../wire/session-id.js';
import { proveAccess, type AccessToken } from './access-proof.js';
import type { Envelope } from './envelope.js';
import { SessionError } from './errors.js';
import { DEFAULT_CLOSE_TIMEOUT_MS } from './limits.js';
import { PROXY_ENVELOPE } from './proxy-envelope.js';
import { RecentKeys } from '../admission/recent-keys.js';
import { Session, type Deliver } from './session.js';
import { SurbStock } from './surb-stock.js';

/** Sessions that are over and whose late messages still count for the SURBs that they have spent. */
const MAX_OVER = 1024;

/** Options of a {@link SessionOpener}. */
export interface OpenerOptions {
  /** Nym address of the acceptor. */
  readonly recipient: string;
  /** How the messages travel; as those of the TCP proxy unless given. */
  readonly envelope?: Envelope;
  /** Time in ms in which nothing is carried, after which a session is given up; never unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /** Silence after which an end that has sent everything to a Rust peer stops waiting, in ms; 60,000 unless given. */
  readonly closeTimeoutMs?: number;
  /** What the sessions need of an acceptor of ours; it is taken for one then. */
  readonly wants?: Wants | undefined;
}

/** What only an acceptor of ours can give. */
export interface Wants {
  /** Name of the upstream; the acceptor's default one unless given. */
  readonly upstream?: string | undefined;
  /** Proves that sessions may be opened. */
  readonly token?: AccessToken | undefined;
}

/**
 * Opens sessions with one acceptor over one mixnet client, and hands each the messages that are its own. When the
 * client is lost, the sessions wait for another one. Several openers, for as many acceptors, may share a client.
 */
export class SessionOpener {
  readonly #options: OpenerOptions;
  readonly #envelope: Envelope;
  readonly #open = new Set<Session>();
  /** Those that have ended and may still be asked for a confirmation, too. */
  readonly #known = new Map<SessionId, Session>();
  readonly #over = new RecentKeys<SessionId, undefined>(MAX_OVER);
  #client: MixnetClient;
  #surbs = new SurbStock();
  #stopListening: () => void;

  constructor(client: MixnetClient, options: OpenerOptions) {
    this.#options = options;
    this.#envelope = options.envelope ?? PROXY_ENVELOPE;
    this.#client = client;
    this.#stopListening = this.#listen();
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#open.size;
  }

  /** SURBs that the acceptor has left to reply to this client, by our count. */
  get surbs(): number {
    return this.#surbs.estimate;
  }

  /**
   * Opens a session. It never fails here: an acceptor that does not answer shows as a reset of the session.
   *
   * @param surbs SURBs that the acceptor should have from now on, at least.
   * @param lane what the session carries is the stripes of this lane; the acceptor is taken for one of ours then.
   */
  open(surbs = 0, lane?: Lane): Session {
    const { closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, idleTimeoutMs } = this.#options;
    const sessionId = this.#envelope.newSessionId();
    this.#surbs.aimFor(surbs);
    const request = requestFor(sessionId, this.#options, lane);
    const session: Session = new Session({
      sessionId,
      envelope: this.#envelope,
      idleTimeoutMs,
      startWithFrames: request !== undefined,
      request,
      surbs: this.#surbs,
      extendedPackets: this.#client.extendedPackets,
      closeTimeoutMs,
      deliver: this.#sendFor(() => session),
    });
    this.#open.add(session);
    this.#known.set(session.id, session);
    const ended = () => void this.#open.delete(session);
    session.closed.then(ended, ended);
    void session.parted.then(() => {
      this.#known.delete(session.id);
      this.#over.set(session.id, undefined);
    });
    if (this.#client.state !== 'ready') session.pause(this.#client.lostReason);
    return session;
  }

  /** Goes on over another client; the sessions with it. The one before is let go of. */
  moveTo(client: MixnetClient): void {
    this.#stopListening();
    this.#client = client;
    this.#surbs = this.#surbs.successor();
    this.#stopListening = this.#listen();
    for (const session of this.#open)
      session.resume(
        this.#sendFor(() => session),
        this.#surbs,
      );
    this.#pauseIfClientIsGone();
  }

  /** Resets every session and lets go of the client, which stays open. Settles when the peer's resets are handed over. */
  async close(): Promise<void> {
    const sessions = [...this.#open];
    for (const session of sessions) session.reset(new SessionError('aborted', 'us'));
    await Promise.allSettled(sessions.map((session) => session.closed));
    this.#stopListening();
    for (const session of this.#known.values()) session.part();
  }

  #listen(): () => void {
    const stops = [
      this.#client.on('message', (message) => this.#receive(message)),
      this.#client.on('state', () => this.#pauseIfClientIsGone()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** A message that a living client refuses will never be sent. */
  #sendFor(session: () => Session): Deliver {
    const client = this.#client;
    const { recipient } = this.#options;
    return async ({ payload, replySurbs }) => {
      try {
        await client.send(recipient, payload, replySurbs);
      } catch (cause) {
        if (client.state !== 'ready') throw cause;
        session().reset(new SessionError('lost', 'us', 'the mixnet client took no message', { cause }));
      }
    };
  }

  #receive({ payload, senderTag }: MixnetMessage): void {
    // It is not a reply.
    if (senderTag !== undefined) return;
    try {
      const message = this.#envelope.decode(payload);
      const session = this.#known.get(message.sessionId);
      // Others came from another acceptor, who spent its own.
      if (session || this.#over.has(message.sessionId)) this.#surbs.spent(replyPackets(payload.length));
      session?.receive(message);
    } catch (error) {
      // Anyone may send anything to a Nym address; what is no message of ours concerns no session.
      if (!(error instanceof WireError)) throw error;
    }
  }

  #pauseIfClientIsGone(): void {
    if (this.#client.state === 'ready') return;
    for (const session of this.#open) session.pause(this.#client.lostReason);
  }
}

function requestFor(
  sessionId: SessionId,
  { recipient, wants }: OpenerOptions,
  lane: Lane | undefined,
): OpenRequest | undefined {
  const { token, upstream } = wants ?? {};
  if (token === undefined && upstream === undefined && lane === undefined) return undefined;
  const named = { ...(upstream !== undefined && { upstream }), ...(lane && { lane }) };
  if (token === undefined) return named;
  const time = Math.floor(Date.now() / 1000);
  return { ...named, proof: proveAccess(token, { recipient, sessionId, upstream: upstream ?? '', time }) };
}
