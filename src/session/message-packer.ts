import {
  encodeProxiedMessage,
  PROXIED_MESSAGE_OVERHEAD_BYTES,
  type ProxiedMessage,
  type ProxiedMessageKind,
} from '../wire/proxied-message.js';
import type { SessionId } from '../wire/session-id.js';
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

/** Numbers one end's messages, encodes them, and decides how many SURBs an opener's message carries. */
export class MessagePacker {
  readonly #sessionId: SessionId;
  readonly #extended: boolean;
  #stock: SurbStock | undefined;
  #opened = false;
  #answered = false;
  #nextMessageId = 0;

  /**
   * @param stock the SURBs that an opener keeps in supply; `undefined` at an acceptor.
   * @param extended whether the mixnet client uses extended packets.
   */
  constructor(sessionId: SessionId, stock: SurbStock | undefined, extended: boolean) {
    this.#sessionId = sessionId;
    this.#extended = extended;
    this.#stock = stock;
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
    if (this.#stock === undefined) return { surbs: 0, room: acceptorBodyBytes(this.#extended, packets) };
    const least = this.#answered ? 0 : this.#opened ? 1 : FIRST_SURBS;
    const surbs = Math.max(dueSurbs, least);
    return { surbs, room: openerBodyBytes(surbs, this.#extended) };
  }

  /** SURBs for a message with a body of so many bytes: as planned, and more where there is room for them anyway. */
  surbsWith(bodyBytes: number, { surbs }: MessagePlan): number {
    if (this.#stock === undefined) return 0;
    const spare = spareSurbs(bodyBytes + PROXIED_MESSAGE_OVERHEAD_BYTES, surbs, this.#extended);
    return Math.max(surbs, Math.min(surbs + spare, this.#stock.welcome()));
  }

  /** Packs a message. */
  pack(kind: ProxiedMessageKind, body: Uint8Array, replySurbs: number): OutgoingMessage {
    this.#opened = true;
    const payload = encodeProxiedMessage(this.#number(kind, body));
    this.#stock?.attached(replySurbs);
    return { payload, replySurbs };
  }

  /** Packs a message that expects no answer. */
  packLast(kind: ProxiedMessageKind, body: Uint8Array): OutgoingMessage {
    return { payload: encodeProxiedMessage(this.#number(kind, body)), replySurbs: 0 };
  }

  #number(kind: ProxiedMessageKind, body: Uint8Array): ProxiedMessage {
    const messageId = this.#nextMessageId;
    this.#nextMessageId = (messageId + 1) & 0xffff;
    return { sessionId: this.#sessionId, messageId, kind, body };
  }
}
