import type { MixnetClient } from '../mixnet/client.js';
import { WireError } from '../wire/errors.js';
import type { OpenRequest } from '../wire/open-request.js';
import { replyPackets } from '../wire/packet-count.js';
import { decodeProxiedMessage } from '../wire/proxied-message.js';
import { newSessionId, type SessionId } from '../wire/session-id.js';
import { proveAccess, type AccessToken } from './access-proof.js';
import { SessionError } from './errors.js';
import { DEFAULT_CLOSE_TIMEOUT_MS } from './limits.js';
import { Session } from './session.js';
import { SurbStock } from './surb-stock.js';

/** Options of a {@link SessionOpener}. */
export interface OpenerOptions {
  /** Nym address of the acceptor. */
  readonly recipient: string;
  /** Silence after which an end that has sent everything stops waiting, in milliseconds; 60,000 unless given. */
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

/** Opens sessions with one acceptor over one mixnet client, and hands each the messages that are its own. */
export class SessionOpener {
  readonly #client: MixnetClient;
  readonly #options: OpenerOptions;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #surbs = new SurbStock();
  readonly #stopListening: (() => void)[];

  constructor(client: MixnetClient, options: OpenerOptions) {
    this.#client = client;
    this.#options = options;
    this.#stopListening = [
      client.on('message', (message) => this.#receive(message.payload)),
      client.on('state', () => this.#endIfClientIsGone()),
    ];
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#sessions.size;
  }

  /** SURBs that the acceptor has left to reply to this client, by our count. */
  get surbs(): number {
    return this.#surbs.estimate;
  }

  /** Opens a session. It never fails here: an acceptor that does not answer shows as a reset of the session. */
  open(): Session {
    const { recipient, closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS } = this.#options;
    const sessionId = newSessionId();
    const request = requestFor(sessionId, this.#options);
    const session = new Session({
      sessionId,
      startWithFrames: request !== undefined,
      request,
      surbs: this.#surbs,
      closeTimeoutMs,
      deliver: ({ payload, replySurbs }) => this.#client.send(recipient, payload, replySurbs),
    });
    this.#sessions.set(session.id, session);
    const forget = () => void this.#sessions.delete(session.id);
    session.closed.then(forget, forget);
    this.#endIfClientIsGone();
    return session;
  }

  /** Resets every session and lets go of the client, which stays open. Settles when the peer's resets are handed over. */
  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.reset(new SessionError('aborted', 'us'));
    await Promise.allSettled(sessions.map((session) => session.closed));
    for (const stop of this.#stopListening) stop();
  }

  #receive(payload: Uint8Array): void {
    this.#surbs.spent(replyPackets(payload.length));
    try {
      const message = decodeProxiedMessage(payload);
      this.#sessions.get(message.sessionId)?.receive(message);
    } catch (error) {
      // Anyone may send anything to a Nym address; what is no message of ours concerns no session.
      if (!(error instanceof WireError)) throw error;
    }
  }

  #endIfClientIsGone(): void {
    if (this.#client.state === 'ready') return;
    const error = new SessionError('lost', 'us', undefined, { cause: this.#client.lostReason });
    for (const session of this.#sessions.values()) session.reset(error);
  }
}

function requestFor(sessionId: SessionId, { recipient, wants }: OpenerOptions): OpenRequest | undefined {
  if (wants === undefined) return undefined;
  const { token, upstream } = wants;
  const name = upstream === undefined ? {} : { upstream };
  if (token === undefined) return upstream === undefined ? undefined : name;
  const time = Math.floor(Date.now() / 1000);
  return { ...name, proof: proveAccess(token, { recipient, sessionId, upstream: upstream ?? '', time }) };
}
