import { RecentKeys } from '../admission/recent-keys.js';
import type { Frame } from '../wire/frame.js';
import type { OpenRequest } from '../wire/open-request.js';
import type { SessionId } from '../wire/session-id.js';
import { EarlyMessages } from './early-messages.js';
import { SessionEngine } from './engine/engine.js';
import { decodeMessage, PROXY_ENVELOPE, type Envelope, type SessionMessage } from './envelope.js';
import type { Gate } from './gate.js';
import { DEFAULT_CLOSE_TIMEOUT_MS } from './limits.js';
import { SurbCredit } from './surbs/surb-credit.js';

/** Drained sessions that are remembered, so that late messages of theirs open nothing and their openers are told. */
const MAX_REMEMBERED = 10_000;

/** Refused ones, likewise; a flood pushes the oldest out, which are refused again then. */
const MAX_REFUSED = 4096;

/** SURB credits kept, one for each sender tag. Evicted senders start over at zero. */
const MAX_CREDITS = 4096;

/**
 * A session whose first messages are overtaken is opened by a later one, but not by one that is so much later that it
 * must belong to a session from before a restart.
 */
const MAX_OVERTAKING_MESSAGES = 256;

/** How an acceptor accepts sessions. */
export interface RoutingOptions {
  /** How the messages may travel; as those of the TCP proxy unless given. */
  readonly envelopes?: readonly Envelope[] | undefined;
  /** Time in ms in which nothing is carried, after which a session is given up; never unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /** Silence after which an end that has sent everything to a Rust peer stops waiting, in ms; 60,000 unless given. */
  readonly closeTimeoutMs?: number | undefined;
  /** Decides who gets in; everybody unless given. */
  readonly gate?: Gate | undefined;
  /** Draws the number that tells openers of a restart; a random one unless given. */
  readonly newInstance?: (() => number) | undefined;
}

/** The acceptor's mixnet client, as far as routing needs it. */
export interface RoutingClient {
  /** Its Nym address. */
  readonly address: string;
  readonly extendedPackets: boolean;
}

/** What is to be done about a message: serve a new session, advance one that has changed, answer a stranger. */
export type Effect =
  | { readonly kind: 'accepted'; readonly engine: SessionEngine; readonly senderTag: string }
  | { readonly kind: 'changed'; readonly engine: SessionEngine }
  | { readonly kind: 'answer'; readonly senderTag: string; readonly payload: Uint8Array };

interface Accepted {
  readonly engine: SessionEngine;
  readonly envelope: Envelope;
  /** Of the opener's current client; replies go there. */
  senderTag: string;
}

/** How a session that is gone is answered for. */
interface Remembered {
  readonly envelope: Envelope;
  readonly response: readonly Frame[] | undefined;
}

/**
 * Which session of an acceptor a message belongs to. Without input or output of its own: messages and sender tags go in,
 * {@link Effect}s come out; `acceptor.ts` carries them out, and so do the tests' models.
 */
export class AcceptorRouting {
  readonly #options: RoutingOptions;
  readonly #envelopes: readonly Envelope[];
  readonly #early = new EarlyMessages();
  readonly #accepted = new Map<SessionId, Accepted>();
  /** What to tell an opener that asks. */
  readonly #drained = new RecentKeys<SessionId, Remembered>(MAX_REMEMBERED);
  /** Apart from the drained ones, which no flood of strangers may push out. */
  readonly #refused = new RecentKeys<SessionId, Remembered>(MAX_REFUSED);
  #credits = new RecentKeys<string, SurbCredit>(MAX_CREDITS);
  #client: RoutingClient | undefined;
  #effects: Effect[] = [];

  constructor(options: RoutingOptions) {
    this.#options = options;
    this.#envelopes = options.envelopes ?? [PROXY_ENVELOPE];
  }

  /** Sessions that have not ended for the application. */
  get size(): number {
    let open = 0;
    for (const { engine } of this.#accepted.values()) if (engine.phase === 'open') open += 1;
    return open;
  }

  /**
   * Entries kept of sessions that are closing, have ended or never began, and of senders' SURBs; lets tests and metrics
   * check that memory is bounded.
   */
  get remembered(): number {
    let ofCredits = this.#credits.size;
    for (const credit of this.#credits.values()) ofCredits += credit.remembered;
    const closing = this.#accepted.size - this.size;
    return closing + this.#drained.size + this.#refused.size + this.#early.size + ofCredits;
  }

  /** Sessions that are not drained. */
  get engines(): readonly SessionEngine[] {
    return [...this.#accepted.values()].map(({ engine }) => engine);
  }

  /** Where replies of a session go: the sender tag of its opener's current client. */
  senderTagOf(engine: SessionEngine): string | undefined {
    return this.#accepted.get(engine.id)?.senderTag;
  }

  /** Messages come over this client from now on, to which no sender has given any SURBs yet. */
  useClient(client: RoutingClient): void {
    this.#client = client;
    this.#credits = new RecentKeys(MAX_CREDITS);
  }

  /** Takes in what came over the client. Bytes that are no message of a session have no effect. */
  receive(payload: Uint8Array, senderTag: string, now: number): readonly Effect[] {
    const decoded = decodeMessage(payload, this.#envelopes);
    if (decoded === undefined) return [];
    this.#effects = [];
    this.#route(decoded.message, decoded.envelope, senderTag, now);
    return this.#effects;
  }

  /** A session is drained: from now on its opener is answered from memory. */
  forget(engine: SessionEngine): void {
    const accepted = this.#accepted.get(engine.id);
    if (accepted?.engine !== engine) return;
    this.#accepted.delete(engine.id);
    this.#drained.set(engine.id, { envelope: accepted.envelope, response: engine.closeResponse });
  }

  #route(message: SessionMessage, envelope: Envelope, senderTag: string, now: number): void {
    const { sessionId } = message;
    const known = this.#known(sessionId);
    const drained = this.#drained.get(sessionId);
    const refused = this.#refused.get(sessionId);
    if (known !== undefined) {
      this.#hand(known, message, senderTag, now);
      this.#effects.push({ kind: 'changed', engine: known.engine });
    } else if (drained) {
      this.#tellEnd(message, senderTag, drained);
    } else if (refused) {
      if (this.#mayAnswer(senderTag)) this.#tellEnd(message, senderTag, refused);
    } else if (envelope.hasOpen && message.kind === 'data') {
      // It has overtaken the message that opens its session.
      this.#early.keep({ message, senderTag }, now);
    } else if (!opensSession(message, envelope)) {
      this.#refuseUnknown(message, envelope, senderTag);
    } else if (this.#admits(message, envelope, senderTag)) {
      this.#accept(message, envelope, senderTag, now);
    }
  }

  #known(id: SessionId): Accepted | undefined {
    const known = this.#accepted.get(id);
    if (known?.engine.phase !== 'drained') return known;
    this.forget(known.engine);
    return undefined;
  }

  #accept(message: SessionMessage, envelope: Envelope, senderTag: string, now: number): void {
    const {
      closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS,
      idleTimeoutMs,
      newInstance = randomInstance,
    } = this.#options;
    if (this.#client === undefined) return;
    const engine: SessionEngine = new SessionEngine({
      sessionId: message.sessionId,
      envelope,
      first: message,
      request: requestOf(message),
      idleTimeoutMs,
      supply: undefined,
      extendedPackets: this.#client.extendedPackets,
      instance: newInstance(),
      closeTimeoutMs,
      wake: () => this.#wake(engine),
      now,
    });
    const accepted: Accepted = { engine, envelope, senderTag };
    this.#accepted.set(engine.id, accepted);
    this.#hand(accepted, message, senderTag, now);
    for (const early of this.#early.take(engine.id))
      this.#hand(accepted, early.message, early.senderTag, now);
    this.#effects.push({ kind: 'accepted', engine, senderTag });
  }

  /** SURBs that another session's message has brought let this one go on. */
  #wake(engine: SessionEngine): void {
    this.#effects.push({ kind: 'changed', engine });
  }

  #hand(accepted: Accepted, message: SessionMessage, senderTag: string, now: number): void {
    const { engine } = accepted;
    // Openers in legacy mode do not tell of their SURBs.
    const credit = engine.mode === 'frames' ? this.#creditFor(senderTag) : undefined;
    if (engine.receive(message, now, credit)) accepted.senderTag = senderTag;
  }

  /** The SURBs of the client behind a sender tag. */
  #creditFor(senderTag: string): SurbCredit {
    const credit = this.#credits.get(senderTag) ?? new SurbCredit();
    this.#credits.set(senderTag, credit);
    return credit;
  }

  /** Asks the gate; the opener of a refused session is told why, if it understands. */
  #admits(message: SessionMessage, envelope: Envelope, senderTag: string): boolean {
    const { gate } = this.#options;
    const { sessionId } = message;
    const recipient = this.#client?.address ?? '';
    const code = gate?.admit({ sessionId, senderTag, recipient, request: requestOf(message) });
    if (code === undefined) return true;
    // A Rust client would not survive a refusal.
    const understands = envelope.openersVersion(sessionId, message) > 0;
    const response: readonly Frame[] | undefined = understands ? [{ type: 'reset', code }] : undefined;
    this.#refused.set(sessionId, { envelope, response });
    if (response && this.#mayAnswer(senderTag)) this.#answer(sessionId, envelope, response, senderTag);
    return false;
  }

  /** Tells an opener that asks, and so has sent SURBs, how its session ended. */
  #tellEnd(message: SessionMessage, senderTag: string, { envelope, response }: Remembered): void {
    if (response === undefined || message.kind !== 'frames') return;
    const ping = message.frames.findLast(({ type }) => type === 'ping');
    if (ping?.type !== 'ping') return;
    const frames: readonly Frame[] = [...response, { type: 'pong', value: ping.value }];
    this.#answer(message.sessionId, envelope, frames, senderTag);
  }

  /** Tells the opener of a session that is not known here, probably since a restart, that it is gone. */
  #refuseUnknown(message: SessionMessage, envelope: Envelope, senderTag: string): void {
    if (message.kind !== 'frames') return;
    if (message.frames.some(({ type }) => type === 'reset')) {
      // It may have overtaken the messages that would open the session.
      this.#refused.set(message.sessionId, { envelope, response: undefined });
      return;
    }
    const gone: readonly Frame[] = [{ type: 'reset', code: 'gone' }];
    if (this.#mayAnswer(senderTag)) this.#answer(message.sessionId, envelope, gone, senderTag);
  }

  #mayAnswer(senderTag: string): boolean {
    return this.#options.gate?.mayAnswer(senderTag) ?? true;
  }

  /** One packet for one. */
  #answer(sessionId: SessionId, envelope: Envelope, frames: readonly Frame[], senderTag: string): void {
    const payload = envelope.encode({ sessionId, messageId: 0, kind: 'frames', frames });
    this.#credits.get(senderTag)?.spent(1);
    this.#effects.push({ kind: 'answer', senderTag, payload });
  }
}

function requestOf(message: SessionMessage): OpenRequest | undefined {
  if (message.kind !== 'frames') return undefined;
  const open = message.frames.find((frame) => frame.type === 'open');
  return open?.type === 'open' ? open.request : undefined;
}

/** Whether a message of a session that is not known is taken for one of a new session's first. */
function opensSession(message: SessionMessage, envelope: Envelope): boolean {
  if (message.kind === 'open') return true;
  if (message.kind !== 'frames') return !envelope.hasOpen && message.messageId < MAX_OVERTAKING_MESSAGES;
  if (envelope.openersVersion(message.sessionId, message) === 0) return false;
  return message.frames.some(({ type }) => type === 'open');
}

/** Four bytes as a varint. */
function randomInstance(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return value >>> 2;
}
