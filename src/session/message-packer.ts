import {
  encodeProxiedMessage,
  type ProxiedMessage,
  type ProxiedMessageKind,
} from '../wire/proxied-message.js';
import type { SessionId } from '../wire/session-id.js';
import { spareSurbs } from './message-budget.js';
import type { SurbStock } from './surb-stock.js';

/** A message to be handed to the mixnet client. */
export interface OutgoingMessage {
  readonly payload: Uint8Array;
  /** SURBs to attach; 0 for replies. */
  readonly replySurbs: number;
}

/** Numbers one end's messages, encodes them, and decides how many SURBs an opener's message carries. */
export class MessagePacker {
  readonly #sessionId: SessionId;
  readonly #surbs: SurbStock | undefined;
  #nextMessageId = 0;

  /** @param surbs the stock that an opener keeps filled; `undefined` at an acceptor. */
  constructor(sessionId: SessionId, surbs: SurbStock | undefined) {
    this.#sessionId = sessionId;
    this.#surbs = surbs;
  }

  /** Packs a message with at least `neededSurbs` SURBs, and more where its last packet has room for them anyway. */
  pack(kind: ProxiedMessageKind, body: Uint8Array, neededSurbs: number): OutgoingMessage {
    const payload = encodeProxiedMessage(this.#number(kind, body));
    if (this.#surbs === undefined) return { payload, replySurbs: 0 };
    const spare = spareSurbs(payload.length, neededSurbs);
    const replySurbs = Math.max(neededSurbs, Math.min(neededSurbs + spare, this.#surbs.welcome()));
    this.#surbs.attached(replySurbs);
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
