import type { MixnetClient, MixnetMessage } from '../mixnet/client.js';
import { WireError } from '../wire/errors.js';
import { decodeFrames, encodeFrames, type Frame } from '../wire/frame.js';
import type { OpenRequest } from '../wire/open-request.js';
import type { SessionId } from '../wire/session-id.js';
import { EarlyMessages } from './early-messages.js';
import type { Envelope, SessionMessage } from './envelope.js';
import { SessionError } from './errors.js';
import type { Gate } from './gate.js';
import { DEFAULT_CLOSE_TIMEOUT_MS, LAST_WORDS_MS } from './limits.js';
import { PROXY_ENVELOPE } from './proxy-envelope.js';
import { RecentKeys } from '../admission/recent-keys.js';
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
  /** Called with every new session and the sender tag of who opens it. */
  readonly onSession: (session: Session, senderTag: string) => void;
  /** How the messages travel; as those of the TCP proxy unless given. */
  readonly envelope?: Envelope;
  /** Time in ms in which nothing is carried, after which a session is given up; never unless given. */
  readonly idleTimeoutMs?: number | undefined;
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
  readonly #envelope: Envelope;
  readonly #early = new EarlyMessages();
  readonly #sessions = new Map<SessionId, AcceptedSession>();
  /** What to tell an opener that asks. */
  readonly #ended = new RecentKeys<SessionId, readonly Frame[] | undefined>(MAX_REMEMBERED);
  /** Apart from the ended ones, which no flood of strangers may push out. */
  readonly #refused = new RecentKeys<SessionId, readonly Frame[] | undefined>(MAX_REFUSED);
  /** SURBs by the sender tag that they came with. */
  #stocks = new RecentKeys<string, ReplyStock>(MAX_STOCKS);
  #client: MixnetClient | undefined;
  #stopListening: () => void = () => undefined;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#envelope = options.envelope ?? PROXY_ENVELOPE;
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#sessions.size;
  }

  /**
   * What is kept of sessions that have ended or never began, and of senders' SURBs, for those who want to see that it is
   * bounded.
   */
  get remembered(): number {
    let ofStocks = this.#stocks.size;
    for (const stock of this.#stocks.values()) ofStocks += stock.remembered;
    return this.#ended.size + this.#refused.size + this.#early.size + ofStocks;
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

  /**
   * Takes no new sessions, resets the open ones and lets go of the client, which stays open. Settles when the resets
   * have been handed over and had the time to get the SURBs that they lack.
   */
  async close(error = new SessionError('gone', 'us', 'the server is shutting down')): Promise<void> {
    this.#stopListening();
    const accepted = [...this.#sessions.values()];
    const answerable = this.#client?.state === 'ready';
    let lacking = false;
    for (const { session, senderTag } of accepted) {
      lacking ||= this.#stocks.get(senderTag)?.usable === 0;
      session.reset(error);
    }
    await Promise.allSettled(accepted.map(({ session }) => session.closed));
    if (answerable && lacking) await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
  }

  #pauseIfClientIsGone(): void {
    if (this.#client === undefined || this.#client.state === 'ready') return;
    for (const { session } of this.#sessions.values()) session.pause(this.#client.lostReason);
  }

  #receive({ payload, senderTag }: MixnetMessage): void {
    // Without a sender tag there is no way to answer.
    if (senderTag === undefined) return;
    try {
      this.#route(this.#envelope.decode(payload), senderTag);
    } catch (error) {
      // Anyone may send anything to a Nym address; what is no message of ours concerns no session.
      if (!(error instanceof WireError)) throw error;
    }
  }

  #route(message: SessionMessage, senderTag: string): void {
    const known = this.#sessions.get(message.sessionId);
    if (known !== undefined) {
      this.#hand(known, message, senderTag);
    } else if (this.#ended.has(message.sessionId)) {
      this.#tellEnd(message, senderTag, this.#ended.get(message.sessionId));
    } else if (this.#refused.has(message.sessionId)) {
      if (this.#mayAnswer(senderTag)) {
        this.#tellEnd(message, senderTag, this.#refused.get(message.sessionId));
      }
    } else if (this.#envelope.hasOpen && message.kind === 'data') {
      // It has overtaken the message that opens its session.
      this.#early.keep({ message, senderTag }, performance.now());
    } else if (!opensSession(message, this.#envelope)) {
      this.#refuse(message, senderTag);
    } else if (this.#admits(message, senderTag)) {
      this.#accept(message, senderTag);
    }
  }

  #accept(message: SessionMessage, senderTag: string): void {
    const { onSession, closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, idleTimeoutMs } = this.#options;
    const client = this.#client;
    if (client === undefined) return;
    const session = new Session({
      sessionId: message.sessionId,
      envelope: this.#envelope,
      first: message,
      request: requestOf(message),
      idleTimeoutMs,
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
    this.#hand(accepted, message, senderTag);
    for (const early of this.#early.take(session.id)) this.#hand(accepted, early.message, early.senderTag);
    onSession(session, senderTag);
  }

  #hand(accepted: AcceptedSession, message: SessionMessage, senderTag: string): void {
    const { session } = accepted;
    // Openers in the Rust way do not tell of their SURBs.
    const replies = session.dialect === 'frames' ? this.#stockOf(senderTag) : undefined;
    if (session.receive(message, replies)) accepted.senderTag = senderTag;
  }

  /** The SURBs of the client behind a sender tag. */
  #stockOf(senderTag: string): ReplyStock {
    const stock = this.#stocks.get(senderTag) ?? new ReplyStock();
    this.#stocks.set(senderTag, stock);
    return stock;
  }

  #forget({ id, epitaph }: Session): void {
    this.#sessions.delete(id);
    this.#ended.set(id, epitaph);
  }

  /** Asks the gate; the opener of a refused session is told why, if it understands. */
  #admits(message: SessionMessage, senderTag: string): boolean {
    const { gate } = this.#options;
    const { sessionId } = message;
    const recipient = this.#client?.address ?? '';
    const code = gate?.admit({ sessionId, senderTag, recipient, request: requestOf(message) });
    if (code === undefined) return true;
    const reset: readonly Frame[] | undefined = this.#understandsFrames(message)
      ? [{ type: 'reset', code }]
      : undefined;
    this.#refused.set(sessionId, reset);
    if (reset && this.#mayAnswer(senderTag)) this.#answer(sessionId, reset, senderTag);
    return false;
  }

  /** Whether the opener of this session understands a refusal; a Rust client would not survive one. */
  #understandsFrames(first: SessionMessage): boolean {
    return this.#envelope.openersVersion(first.sessionId, first) > 0;
  }

  /** Tells an opener that asks, and so has sent SURBs, how its session ended. */
  #tellEnd(message: SessionMessage, senderTag: string, epitaph: readonly Frame[] | undefined): void {
    if (epitaph === undefined || message.kind !== 'frames') return;
    const ping = decodeFrames(message.body).findLast(({ type }) => type === 'ping');
    if (ping?.type !== 'ping') return;
    this.#answer(message.sessionId, [...epitaph, { type: 'pong', value: ping.value }], senderTag);
  }

  /** Tells the opener of a session that is not known here, probably since a restart, that it is gone. */
  #refuse(message: SessionMessage, senderTag: string): void {
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
    const answer = this.#envelope.encode({ sessionId, messageId: 0, kind: 'frames', body });
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

function requestOf(message: SessionMessage): OpenRequest | undefined {
  if (message.kind !== 'frames') return undefined;
  const open = decodeFrames(message.body).find((frame) => frame.type === 'open');
  return open?.type === 'open' ? open.request : undefined;
}

/** Whether a message of a session that is not known is taken for one of a new session's first. */
export function opensSession(message: SessionMessage, envelope: Envelope): boolean {
  if (message.kind === 'open') return true;
  if (message.kind !== 'frames') return !envelope.hasOpen && message.messageId < MAX_OVERTAKING_MESSAGES;
  if (envelope.openersVersion(message.sessionId, message) === 0) return false;
  return decodeFrames(message.body).some((frame) => frame.type === 'open');
}

/** Four bytes as a varint. */
function newInstance(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return value >>> 2;
}
