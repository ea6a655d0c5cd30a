import { SESSION_PROTOCOL_VERSION, type SessionId } from '../wire/session-id.js';
import type { Envelope, MessageKind, SessionMessage } from './envelope.js';
import { FIRST_SURBS } from './limits.js';
import { acceptorBodyBytes, openerBodyBytes, spareSurbs } from './message-budget.js';
import type { SurbStock } from './surb-stock.js';

/** A message to be handed to the mixnet client. */
export interface OutgoingMessage {
  readonly payload: Uint8Array;
  /** SURBs to attach; 0 for replies. */
  readonly replySurbs: number;
}

/** What one message will carry besides its body. */
export interface MessagePlan {
  readonly surbs: number;
  /** Bytes of body that it has room for. */
  readonly room: number;
}

/** What an end has to say; whether bytes go out as `open` is the packer's own affair. */
export type PackedKind = Exclude<MessageKind, 'open'>;

/** Numbers one end's messages, encodes them, and decides how many SURBs an opener's message carries. */
export class MessagePacker {
  readonly #sessionId: SessionId;
  readonly #envelope: Envelope;
  readonly #extended: boolean;
  #stock: SurbStock | undefined;
  /** Whether the next bytes go out as `open`. */
  #opens: boolean;
  #opened = false;
  #answered = false;
  #nextMessageId: number;

  /**
   * @param stock the SURBs that an opener keeps in supply; `undefined` at an acceptor.
   * @param extended whether the mixnet client uses extended packets.
   */
  constructor(sessionId: SessionId, envelope: Envelope, stock: SurbStock | undefined, extended: boolean) {
    this.#sessionId = sessionId;
    this.#envelope = envelope;
    this.#extended = extended;
    this.#stock = stock;
    this.#opens = envelope.hasOpen && stock !== undefined;
    this.#nextMessageId = envelope.firstMessage;
  }

  /** What comes now goes over another mixnet client, of which the peer has no SURBs yet. */
  rerouted(stock: SurbStock | undefined): void {
    this.#stock = stock;
    this.#opened = false;
    this.#answered = false;
  }

  /** A message of the peer's has arrived. */
  answered(): void {
    this.#answered = true;
  }

  /**
   * Plans a message that carries at least `dueSurbs` SURBs. The first of a session brings what its first answers need.
   * Until the peer has answered in this session, every message brings one: any of them may arrive first, and the
   * official client drops replies to a sender tag that it has never had a SURB of, without a word.
   *
   * @param packets that a reply may take.
   */
  plan(dueSurbs: number, packets = Infinity): MessagePlan {
    const { overheadBytes } = this.#envelope;
    if (this.#stock === undefined) {
      return { surbs: 0, room: acceptorBodyBytes(overheadBytes, this.#extended, packets) };
    }
    const least = this.#answered ? 0 : this.#opened ? 1 : FIRST_SURBS;
    const surbs = Math.max(dueSurbs, least);
    return { surbs, room: openerBodyBytes(surbs, overheadBytes, this.#extended) };
  }

  /** SURBs for a message with a body of so many bytes: as planned, and more where there is room for them anyway. */
  surbsWith(bodyBytes: number, { surbs }: MessagePlan): number {
    if (this.#stock === undefined) return 0;
    const spare = spareSurbs(bodyBytes + this.#envelope.overheadBytes, surbs, this.#extended);
    return Math.max(surbs, Math.min(surbs + spare, this.#stock.welcome()));
  }

  /** Packs a message. */
  pack(kind: PackedKind, body: Uint8Array, replySurbs: number): OutgoingMessage {
    this.#opened = true;
    const payload = this.#envelope.encode(this.#number(kind, body));
    this.#stock?.attached(replySurbs);
    return { payload, replySurbs };
  }

  /** Packs a message that expects no answer. */
  packLast(kind: PackedKind, body: Uint8Array): OutgoingMessage {
    return { payload: this.#envelope.encode(this.#number(kind, body)), replySurbs: 0 };
  }

  #number(kind: PackedKind, body: Uint8Array): SessionMessage {
    const { countsFrames, messageIds } = this.#envelope;
    const sessionId = this.#sessionId;
    if (kind === 'data' && this.#opens) {
      this.#opens = false;
      return { sessionId, messageId: 0, kind: 'open', body, version: SESSION_PROTOCOL_VERSION };
    }
    const messageId = this.#nextMessageId;
    if (kind !== 'frames' || countsFrames) this.#nextMessageId = (messageId + 1) % messageIds;
    return { sessionId, messageId, kind, body };
  }
}
