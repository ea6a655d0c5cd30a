import type { MixnetClient, MixnetMessage } from '../mixnet/client.js';
import { WireError } from '../wire/errors.js';
import { decodeFrames, encodeFrames, type Frame } from '../wire/frame.js';
import { decodeProxiedMessage, encodeProxiedMessage, type ProxiedMessage } from '../wire/proxied-message.js';
import type { OpenRequest } from '../wire/open-request.js';
import type { SessionId } from '../wire/session-id.js';
import { SessionError } from './errors.js';
import { understandsFrames, type Gate } from './gate.js';
import { DEFAULT_CLOSE_TIMEOUT_MS } from './limits.js';
import { RecentKeys } from './recent-keys.js';
import { ReplyStock } from './reply-stock.js';
import { Session, type Deliver } from './session.js';

/** Ended sessions that are remembered, so that late messages of theirs open nothing and their openers are told. */
const MAX_REMEMBERED = 10_000;

/** Refused ones, likewise; a flood pushes the oldest out, which are refused again then. */
const MAX_REFUSED = 4096;

/** Sender tags whose SURBs are counted; those beyond are counted anew when they are heard of. */
const MAX_STOCKS = 4096;

/**
 * A session whose first messages are overtaken is opened by a later one, but not by one that is so much later that it
 * must belong to a session from before a restart.
 */
const MAX_OVERTAKING_MESSAGES = 256;

/** Options of a {@link SessionAcceptor}. */
export interface AcceptorOptions {
  /** Called with every new session. */
  readonly onSession: (session: Session) => void;
  /** Silence after which an end that has sent everything to a Rust peer stops waiting, in ms; 60,000 unless given. */
  readonly closeTimeoutMs?: number;
  /** Decides who gets in; everybody unless given. */
  readonly gate?: Gate | undefined;
}

interface AcceptedSession {
  readonly session: Session;
  /** Of the opener's current client; replies go there. */
  senderTag: string;
}

/**
 * Accepts sessions over one mixnet client, and hands each the messages that are its own. When the client is lost, the
 * sessions wait for another one under the same Nym address.
 */
export class SessionAcceptor {
  readonly #options: AcceptorOptions;
  readonly #sessions = new Map<SessionId, AcceptedSession>();
  /** What to tell an opener that asks. */
  readonly #ended = new RecentKeys<SessionId, Frame | undefined>(MAX_REMEMBERED);
  /** Apart from the ended ones, which no flood of strangers may push out. */
  readonly #refused = new RecentKeys<SessionId, Frame | undefined>(MAX_REFUSED);
  /** SURBs by the sender tag that they came with. */
  #stocks = new RecentKeys<string, ReplyStock>(MAX_STOCKS);
  #client: MixnetClient | undefined;
  #stopListening: () => void = () => undefined;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Sessions that are remembered though they have ended or never began, for those who want to see that it is bounded. */
  get remembered(): number {
    return this.#ended.size + this.#refused.size;
  }

  /** Accepts sessions over this client, and goes on with those of the one before. */
  serveOver(client: MixnetClient): void {
    this.#stopListening();
    this.#client = client;
    this.#stocks = new RecentKeys(MAX_STOCKS);
    const stops = [
      client.on('message', (message) => this.#receive(message)),
      client.on('state', () => this.#pauseIfClientIsGone()),
    ];
    this.#stopListening = () => {
      for (const stop of stops) stop();
    };
    for (const accepted of this.#sessions.values()) {
      accepted.session.resume(replyFor(accepted, client), undefined);
    }
    this.#pauseIfClientIsGone();
  }

  /** Takes no new sessions, resets the open ones and lets go of the client, which stays open. */
  async close(error = new SessionError('gone', 'us', 'the server is shutting down')): Promise<void> {
    this.#stopListening();
    const sessions = [...this.#sessions.values()].map(({ session }) => session);
    for (const session of sessions) session.reset(error);
    await Promise.allSettled(sessions.map((session) => session.closed));
  }

  #pauseIfClientIsGone(): void {
    if (this.#client === undefined || this.#client.state === 'ready') return;
    for (const { session } of this.#sessions.values()) session.pause(this.#client.lostReason);
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
      const replies = this.#stockOf(message.sessionId, senderTag);
      if (known.session.receive(message, replies)) known.senderTag = senderTag;
    } else if (this.#ended.has(message.sessionId)) {
      this.#tellEnd(message, senderTag, this.#ended.get(message.sessionId));
    } else if (this.#refused.has(message.sessionId)) {
      if (this.#mayAnswer(senderTag)) {
        this.#tellEnd(message, senderTag, this.#refused.get(message.sessionId));
      }
    } else if (!opensSession(message)) {
      this.#refuse(message, senderTag);
    } else if (this.#admits(message, senderTag)) {
      this.#accept(message, senderTag);
    }
  }

  #accept(message: ProxiedMessage, senderTag: string): void {
    const { onSession, closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS } = this.#options;
    const client = this.#client;
    if (client === undefined) return;
    const session = new Session({
      sessionId: message.sessionId,
      surbs: undefined,
      extendedPackets: client.extendedPackets,
      instance: newInstance(),
      closeTimeoutMs,
      deliver: (reply) => replyFor(accepted, client)(reply),
    });
    const accepted: AcceptedSession = { session, senderTag };
    this.#sessions.set(session.id, accepted);
    const forget = () => this.#forget(session);
    session.closed.then(forget, forget);
    session.receive(message, this.#stockOf(session.id, senderTag));
    onSession(session);
  }

  /** The SURBs of the client behind a sender tag, for a session whose opener tells of them. */
  #stockOf(id: SessionId, senderTag: string): ReplyStock | undefined {
    if (!understandsFrames(id)) return undefined;
    const stock = this.#stocks.get(senderTag) ?? new ReplyStock();
    this.#stocks.set(senderTag, stock);
    return stock;
  }

  #forget({ id, epitaph }: Session): void {
    this.#sessions.delete(id);
    this.#ended.set(id, epitaph);
  }

  /** Asks the gate; the opener of a refused session is told why, if it understands. */
  #admits(message: ProxiedMessage, senderTag: string): boolean {
    const { gate } = this.#options;
    const { sessionId } = message;
    const recipient = this.#client?.address ?? '';
    const code = gate?.admit({ sessionId, senderTag, recipient, request: requestOf(message) });
    if (code === undefined) return true;
    const reset: Frame | undefined = understandsFrames(sessionId) ? { type: 'reset', code } : undefined;
    this.#refused.set(sessionId, reset);
    if (reset && this.#mayAnswer(senderTag)) this.#answer(sessionId, [reset], senderTag);
    return false;
  }

  /** Tells an opener that asks, and so has sent SURBs, how its session ended. */
  #tellEnd(message: ProxiedMessage, senderTag: string, epitaph: Frame | undefined): void {
    if (epitaph === undefined || message.kind !== 'frames') return;
    const ping = decodeFrames(message.body).findLast(({ type }) => type === 'ping');
    if (ping?.type !== 'ping') return;
    this.#answer(message.sessionId, [epitaph, { type: 'pong', value: ping.value }], senderTag);
  }

  /** Tells the opener of a session that is not known here, probably since a restart, that it is gone. */
  #refuse(message: ProxiedMessage, senderTag: string): void {
    if (message.kind !== 'frames') return;
    if (decodeFrames(message.body).some((frame) => frame.type === 'reset')) {
      // It may have overtaken the messages that would open the session.
      this.#refused.set(message.sessionId, undefined);
      return;
    }
    if (this.#mayAnswer(senderTag)) {
      this.#answer(message.sessionId, [{ type: 'reset', code: 'gone' }], senderTag);
    }
  }

  #mayAnswer(senderTag: string): boolean {
    return this.#options.gate?.mayAnswer(senderTag) ?? true;
  }

  /** One packet for one. */
  #answer(sessionId: SessionId, frames: readonly Frame[], senderTag: string): void {
    const body = encodeFrames(frames);
    const answer = encodeProxiedMessage({ sessionId, messageId: 0, kind: 'frames', body });
    this.#stocks.get(senderTag)?.spent(1);
    this.#client?.reply(senderTag, answer).catch(() => undefined);
  }
}

/** A message that a living client refuses will never be sent. */
function replyFor(accepted: AcceptedSession, client: MixnetClient): Deliver {
  return async ({ payload }) => {
    try {
      await client.reply(accepted.senderTag, payload);
    } catch (cause) {
      if (client.state !== 'ready') throw cause;
      accepted.session.reset(new SessionError('lost', 'us', 'the mixnet client took no message', { cause }));
    }
  };
}

function requestOf(message: ProxiedMessage): OpenRequest | undefined {
  if (message.kind !== 'frames') return undefined;
  const open = decodeFrames(message.body).find((frame) => frame.type === 'open');
  return open?.type === 'open' ? open.request : undefined;
}

function opensSession(message: ProxiedMessage): boolean {
  if (message.kind !== 'frames') return message.messageId < MAX_OVERTAKING_MESSAGES;
  if (!understandsFrames(message.sessionId)) return false;
  return decodeFrames(message.body).some((frame) => frame.type === 'open');
}

/** Four bytes as a varint. */
function newInstance(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return value >>> 2;
}
