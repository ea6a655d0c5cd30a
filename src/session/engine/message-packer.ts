import { encodedBytes, type Frame } from '../../wire/frame.js';
import {
  ANONYMOUS_OVERHEAD_BYTES,
  messageBytes,
  REPLY_OVERHEAD_BYTES,
  replyPackets,
  spareBytes,
  SURB_BYTES,
} from '../../wire/packet-count.js';
import { SESSION_PROTOCOL_VERSION } from '../../wire/session-id.js';
import type { SessionMessage } from '../envelope.js';
import { FIRST_SURBS, MESSAGE_PACKETS } from '../limits.js';
import type { SessionState } from './state.js';

/** Bytes of a SUPPLY frame, up to 2^30 SURBs. */
export const SUPPLY_BYTES = 7;

const EMPTY = new Uint8Array();

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

/**
 * Numbers one end's messages, encodes them, and decides how many SURBs an opener's message carries. An opener's frames
 * state how many SURBs it gives with them; an acceptor's spend some.
 */
export class MessagePacker {
  readonly #state: SessionState;
  /** Whether the next bytes go out as `open`. */
  #opens: boolean;
  #opened = false;
  #answered = false;
  #nextMessageId: number;

  constructor(state: SessionState) {
    this.#state = state;
    this.#opens = state.envelope.hasOpen && state.isOpener;
    this.#nextMessageId = state.envelope.firstMessage;
  }

  /** What comes now goes over another mixnet client, of which the peer has no SURBs yet. */
  migrated(): void {
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
    const { envelope, extendedPackets, supply } = this.#state;
    if (supply === undefined) {
      const bytes = messageBytes(Math.min(packets, MESSAGE_PACKETS), extendedPackets);
      return { surbs: 0, room: bytes - envelope.overheadBytes - REPLY_OVERHEAD_BYTES };
    }
    const least = this.#answered ? 0 : this.#opened ? 1 : FIRST_SURBS;
    const surbs = Math.max(dueSurbs, least);
    const bytes = messageBytes(MESSAGE_PACKETS, extendedPackets) - envelope.overheadBytes;
    return { surbs, room: bytes - ANONYMOUS_OVERHEAD_BYTES - surbs * SURB_BYTES };
  }

  /** SURBs for a message with a body of so many bytes: as planned, and more where there is room for them anyway. */
  surbsWith(bodyBytes: number, { surbs }: MessagePlan): number {
    const { envelope, extendedPackets, supply } = this.#state;
    if (supply === undefined) return 0;
    const bytes = bodyBytes + envelope.overheadBytes + ANONYMOUS_OVERHEAD_BYTES + surbs * SURB_BYTES;
    const spare = Math.floor(spareBytes(bytes, extendedPackets) / SURB_BYTES);
    return Math.max(surbs, Math.min(surbs + spare, supply.welcome()));
  }

  /** Takes the next bytes of the stream out of the send buffer. */
  takeOut(length: number): Uint8Array {
    const state = this.#state;
    const { outgoing, retransmit, now } = state;
    const { sent } = outgoing;
    const bytes = outgoing.take(length);
    if (bytes.length === 0) return bytes;
    state.askedAt ??= now;
    retransmit.sent(now);
    if (outgoing.sent > sent) retransmit.measure(outgoing.sent, now);
    return bytes;
  }

  /** The end of the stream goes out. */
  endSent(): void {
    const { outgoing, retransmit, now } = this.#state;
    outgoing.finSent(now);
    if (outgoing.outstanding) retransmit.sent(now);
  }

  /** Packs bytes, as an `open` where the envelope has one and this is the first message. */
  packData(body: Uint8Array, replySurbs: number): OutgoingMessage {
    const { sessionId } = this.#state;
    if (!this.#opens)
      return this.#pack({ sessionId, messageId: this.#count(), kind: 'data', body }, replySurbs);
    this.#opens = false;
    const open = { sessionId, messageId: 0, kind: 'open', body, version: SESSION_PROTOCOL_VERSION } as const;
    return this.#pack(open, replySurbs);
  }

  /** Packs the end of the stream in legacy mode. */
  packClose(replySurbs: number): OutgoingMessage {
    const { sessionId } = this.#state;
    return this.#pack({ sessionId, messageId: this.#count(), kind: 'close', body: EMPTY }, replySurbs);
  }

  packFrames(frames: readonly Frame[], plan: MessagePlan): OutgoingMessage {
    const { supply, credit, extendedPackets } = this.#state;
    if (supply === undefined) {
      const message = this.#pack(this.#framesOf(frames), 0);
      credit?.spent(replyPackets(message.payload.length, extendedPackets));
      return message;
    }
    const bytes = frames.reduce((sum, frame) => sum + encodedBytes(frame), SUPPLY_BYTES);
    const here = this.surbsWith(bytes, plan);
    return this.#pack(
      this.#framesOf([{ type: 'supply', total: supply.given + here, here }, ...frames]),
      here,
    );
  }

  #framesOf(frames: readonly Frame[]): SessionMessage {
    const { sessionId, envelope } = this.#state;
    const messageId = envelope.countsFrames ? this.#count() : this.#nextMessageId;
    return { sessionId, messageId, kind: 'frames', frames };
  }

  #pack(message: SessionMessage, replySurbs: number): OutgoingMessage {
    const { firstAnswer, envelope, supply, now } = this.#state;
    firstAnswer.sent(now);
    this.#state.greetDeadline = undefined;
    this.#opened = true;
    supply?.attached(replySurbs);
    return { payload: envelope.encode(message), replySurbs };
  }

  #count(): number {
    const messageId = this.#nextMessageId;
    this.#nextMessageId = (messageId + 1) % this.#state.envelope.messageIds;
    return messageId;
  }
}
