import type { MixnetClient, MixnetMessage } from '../mixnet/client.js';
import { WireError } from '../wire/errors.js';
import { decodeFrames, encodeFrames } from '../wire/frame.js';
import { decodeProxiedMessage, encodeProxiedMessage, type ProxiedMessage } from '../wire/proxied-message.js';
import type { OpenRequest } from '../wire/open-request.js';
import type { ResetCode } from '../wire/reset-code.js';
import type { SessionId } from '../wire/session-id.js';
import { SessionError } from './errors.js';
import { understandsFrames, type Gate } from './gate.js';
import { DEFAULT_CLOSE_TIMEOUT_MS } from './limits.js';
import { RecentKeys } from './recent-keys.js';
import { Session } from './session.js';

/** Ended sessions that are remembered, so that late messages of theirs open nothing. */
const MAX_REMEMBERED = 10_000;

/** Refused ones, likewise; a flood pushes the oldest out, which are refused again then. */
const MAX_REFUSED = 4096;

/**
 * A session whose first messages are overtaken is opened by a later one, but not by one that is so much later that it
 * must belong to a session from before a restart.
 */
const MAX_OVERTAKING_MESSAGES = 256;

/** Options of a {@link SessionAcceptor}. */
export interface AcceptorOptions {
  /** Called with every new session. */
  readonly onSession: (session: Session) => void;
  /** Silence after which an end that has sent everything stops waiting, in milliseconds; 60,000 unless given. */
  readonly closeTimeoutMs?: number;
  /** Decides who gets in; everybody unless given. */
  readonly gate?: Gate | undefined;
}

interface AcceptedSession {
  readonly session: Session;
  /** Of the latest message; replies go there. */
  senderTag: string;
}

/** Accepts sessions over one mixnet client, and hands each the messages that are its own. */
export class SessionAcceptor {
  readonly #client: MixnetClient;
  readonly #options: AcceptorOptions;
  readonly #sessions = new Map<SessionId, AcceptedSession>();
  readonly #ended = new RecentKeys<SessionId, true>(MAX_REMEMBERED);
  /** Apart from the ended ones, which no flood of strangers may push out. */
  readonly #refused = new RecentKeys<SessionId, true>(MAX_REFUSED);
  readonly #stopListening: (() => void)[];

  constructor(client: MixnetClient, options: AcceptorOptions) {
    this.#client = client;
    this.#options = options;
    this.#stopListening = [
      client.on('message', (message) => this.#receive(message)),
      client.on('state', (state) => {
        if (state !== 'ready')
          this.#resetAll(new SessionError('lost', 'us', undefined, { cause: client.lostReason }));
      }),
    ];
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Sessions that are remembered though they have ended or never began, for those who want to see that it is bounded. */
  get remembered(): number {
    return this.#ended.size + this.#refused.size;
  }

  /** Takes no new sessions, resets the open ones and lets go of the client, which stays open. */
  async close(): Promise<void> {
    for (const stop of this.#stopListening) stop();
    const closed = [...this.#sessions.values()].map(({ session }) => session.closed);
    this.#resetAll(new SessionError('gone', 'us', 'the server is shutting down'));
    await Promise.allSettled(closed);
  }

  #resetAll(error: SessionError): void {
    for (const { session } of this.#sessions.values()) session.reset(error);
  }

  #receive({ payload, senderTag }: MixnetMessage): void {
    // Without a sender tag there is no way to answer.
    if (senderTag === undefined) return;
    try {
      this.#route(decodeProxiedMessage(payload), senderTag);
    } catch (error) {
      // Anyone may send anything to a Nym address; what is no message of ours concerns no session.
      if (!(error instanceof WireError)) throw error;
    }
  }

  #route(message: ProxiedMessage, senderTag: string): void {
    const known = this.#sessions.get(message.sessionId);
    if (known !== undefined) {
      known.senderTag = senderTag;
      known.session.receive(message);
    } else if (!this.#ended.has(message.sessionId) && !this.#refused.has(message.sessionId)) {
      if (!opensSession(message)) this.#refuse(message, senderTag);
      else if (this.#admits(message, senderTag)) this.#accept(message, senderTag);
    }
  }

  #accept(message: ProxiedMessage, senderTag: string): void {
    const { onSession, closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS } = this.#options;
    const session = new Session({
      sessionId: message.sessionId,
      surbs: undefined,
      closeTimeoutMs,
      deliver: ({ payload }) => this.#client.reply(accepted.senderTag, payload),
    });
    const accepted: AcceptedSession = { session, senderTag };
    this.#sessions.set(session.id, accepted);
    const forget = () => this.#forget(session.id);
    session.closed.then(forget, forget);
    session.receive(message);
    onSession(session);
  }

  #forget(id: SessionId): void {
    this.#sessions.delete(id);
    this.#ended.set(id, true);
  }

  /** Asks the gate; the opener of a refused session is told why, if it understands. */
  #admits(message: ProxiedMessage, senderTag: string): boolean {
    const { gate } = this.#options;
    const { sessionId } = message;
    const recipient = this.#client.address;
    const code = gate?.admit({ sessionId, senderTag, recipient, request: requestOf(message) });
    if (code === undefined) return true;
    this.#refused.set(sessionId, true);
    if (understandsFrames(sessionId)) this.#answerReset(sessionId, code, senderTag);
    return false;
  }

  /** Tells the opener of a session that is not known here, probably since a restart, that it is gone. */
  #refuse(message: ProxiedMessage, senderTag: string): void {
    if (message.kind !== 'frames') return;
    if (decodeFrames(message.body).some((frame) => frame.type === 'reset')) {
      // It may have overtaken the messages that would open the session.
      this.#refused.set(message.sessionId, true);
      return;
    }
    this.#answerReset(message.sessionId, 'gone', senderTag);
  }

  /** One packet for one, and no more of them than the gate allows. */
  #answerReset(sessionId: SessionId, code: ResetCode, senderTag: string): void {
    if (this.#options.gate?.mayAnswer(senderTag) === false) return;
    const body = encodeFrames([{ type: 'reset', code }]);
    const answer = encodeProxiedMessage({ sessionId, messageId: 0, kind: 'frames', body });
    this.#client.reply(senderTag, answer).catch(() => undefined);
  }
}

function requestOf(message: ProxiedMessage): OpenRequest | undefined {
  if (message.kind !== 'frames') return undefined;
  const open = decodeFrames(message.body).find((frame) => frame.type === 'open');
  return open?.type === 'open' ? open.request : undefined;
}

function opensSession(message: ProxiedMessage): boolean {
  if (message.kind !== 'frames') return message.messageId < MAX_OVERTAKING_MESSAGES;
  return decodeFrames(message.body).some((frame) => frame.type === 'open');
}
