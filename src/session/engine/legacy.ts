import { replyPackets } from '../../wire/packet-count.js';
import type { LegacyMessage } from '../envelope.js';
import { protocolError } from '../errors.js';
import { LEGACY_REPLY_PACKET_MS, RUST_SURB_RESERVE, SILENCE_TOP_UP_SURBS } from '../limits.js';
import type { Framed } from './framed.js';
import { resetFrame } from './framed.js';
import type { MessagePacker, MessagePlan, OutgoingMessage } from './message-packer.js';
import type { SessionState } from './state.js';
import { earliest } from './timers.js';

/** One end that talks as a Rust peer does, or does so until the first answer tells what the peer is. */
export class Legacy {
  readonly #state: SessionState;
  readonly #packer: MessagePacker;
  readonly #framed: Framed;
  /** When the next message may follow the last one. */
  #pauseDeadline: number | undefined;
  #lastBytes = 0;
  /** Whether the peer is still to be told of a reset. */
  #tellsReset: 'no' | 'in both ways' | 'as a close' = 'no';

  constructor(state: SessionState, packer: MessagePacker, framed: Framed) {
    this.#state = state;
    this.#packer = packer;
    this.#framed = framed;
  }

  /** Whether the peer was not told yet that this end has reset the session. */
  get owesReset(): boolean {
    return this.#tellsReset !== 'no';
  }

  /**
   * Takes in a legacy message.
   *
   * @throws {SessionError} if the peer may not send it.
   */
  receive(message: LegacyMessage): void {
    const state = this.#state;
    if (state.supply !== undefined && state.mode !== 'legacy') {
      if (state.mode === 'frames') throw protocolError('the peer went back from frames to plain bytes');
      state.mode = 'legacy';
      state.outgoing.retainNothing();
      state.supply.peerKeeps(RUST_SURB_RESERVE);
    }
    if (state.ownReset) return;
    if (state.incoming.insertLegacy(message)) state.started = true;
  }

  /** Bytes of the last message, which has probably not left before the pause after it is over. */
  handedOver(now: number): number {
    return this.#pauseDeadline !== undefined && now < this.#pauseDeadline ? this.#lastBytes : 0;
  }

  /**
   * This end has reset the session. An unknown peer is told both ways: ours resets, a Rust server skips the frame and
   * closes. A Rust peer knows no reset: it sees an end.
   */
  reset(): void {
    this.#tellsReset = this.#state.mode === 'unknown' ? 'in both ways' : 'as a close';
  }

  /** The next message to send; `undefined` if there is none now. */
  poll(): OutgoingMessage | undefined {
    const state = this.#state;
    const { outgoing, firstAnswer, envelope } = state;
    if (this.#pauseDeadline !== undefined && state.now < this.#pauseDeadline) return undefined;
    this.#pauseDeadline = undefined;

    const dueSurbs = this.#mayTopUp ? this.#dueSurbs() : 0;
    const plan = this.#packer.plan(dueSurbs);
    const asked = firstAnswer.askedAt !== undefined;
    const limit = asked && state.mode === 'unknown' ? firstAnswer.limit(state.now) : Number.MAX_SAFE_INTEGER;
    const sendable = outgoing.sendable(limit);
    const topUp = dueSurbs > 0 && asked;
    if (sendable > 0 || topUp || (state.isDue(state.greetDeadline) && !state.ownReset)) {
      const bytes = this.#packer.takeOut(Math.min(sendable, plan.room));
      const mayBeData = envelope.hasClose && outgoing.finSentAt === undefined;
      if (bytes.length === 0 && asked && !mayBeData) return this.#packFrames([], plan);
      // An acceptor of ours counts on what every opener brings; more would be unknown to it.
      const surbs = state.mode === 'legacy' ? this.#packer.surbsWith(bytes.length, plan) : plan.surbs;
      const message = this.#packer.packData(bytes, surbs);
      this.#pause(message);
      return message;
    }
    return state.ownReset ? this.#tellReset(plan) : this.#tellEnd(plan);
  }

  /** When there may be something to send without anything happening until then. */
  get deadline(): number | undefined {
    const { greetDeadline } = this.#state;
    return earliest([greetDeadline, this.#pauseDeadline, this.#stageDeadline(), this.#topUpDeadline()]);
  }

  /**
   * When to stop waiting: for an answer to an opener that never got one; for the first message, at an acceptor; for
   * anything, at an end that sent Close. An acceptor that has everything waits for nobody but its reader.
   */
  get giveUpDeadline(): number | undefined {
    const { isOpener, incoming, outgoing, heardAt, closeTimeoutMs, firstAnswer, started, createdAt } =
      this.#state;
    const { finSentAt } = outgoing;
    if (!this.#state.envelope.silenceEnds) return this.#leaveDeadline;
    if (!isOpener && incoming.complete) return undefined;
    if (finSentAt !== undefined) return Math.max(finSentAt, heardAt ?? finSentAt) + closeTimeoutMs;
    if (isOpener) return heardAt === undefined ? firstAnswer.deadline : undefined;
    return started ? undefined : createdAt + closeTimeoutMs;
  }

  /**
   * Where silence is no end it tells nothing, save to an opener that has sent all, wants nothing more, and waits to hear
   * whether it may go.
   */
  get #leaveDeadline(): number | undefined {
    const { outgoing, incoming, mode, closeTimeoutMs } = this.#state;
    if (mode !== 'unknown' || outgoing.finSentAt === undefined || !incoming.discarding) return undefined;
    return outgoing.finSentAt + closeTimeoutMs;
  }

  #tellEnd(plan: MessagePlan): OutgoingMessage | undefined {
    const { outgoing, envelope, mode } = this.#state;
    if (!outgoing.mayFinish) return undefined;
    this.#packer.endSent();
    if (envelope.hasClose) return this.#packer.packClose(plan.surbs);
    return mode === 'legacy' ? undefined : this.#packFrames([{ type: 'fin', offset: outgoing.sent }], plan);
  }

  #tellReset(plan: MessagePlan): OutgoingMessage | undefined {
    const { outgoing, ownReset, envelope } = this.#state;
    if (this.#tellsReset === 'no' || outgoing.unsent > 0) return undefined;
    if (this.#tellsReset === 'in both ways' && ownReset) {
      this.#tellsReset = envelope.hasClose && outgoing.finSentAt === undefined ? 'as a close' : 'no';
      return this.#packer.packFrames([resetFrame(ownReset.code, ownReset.finalOffset)], plan);
    }
    this.#tellsReset = 'no';
    if (!envelope.hasClose || outgoing.finSentAt !== undefined) return undefined;
    this.#packer.endSent();
    return this.#packer.packClose(plan.surbs);
  }

  /**
   * What a Rust peer drops, and what opens the session at one of ours should the `open` be late. Ours learns from it of
   * SURBs that legacy messages cannot state.
   */
  #packFrames(frames: Parameters<MessagePacker['packFrames']>[0], plan: MessagePlan): OutgoingMessage {
    return this.#packer.packFrames([this.#framed.greeting, ...frames], plan);
  }

  /**
   * Behind Close only frames may follow, which a Rust server skips. Its official client asks for SURBs by itself. A stream
   * that nobody reads any more wants no more answers.
   */
  get #mayTopUp(): boolean {
    const { envelope, outgoing, incoming, mode, version, ownReset } = this.#state;
    if (ownReset) return false;
    if (!envelope.hasClose) return mode === 'unknown' || !incoming.discarding;
    return outgoing.finSentAt === undefined || (mode === 'unknown' && version > 0);
  }

  /** No window limits what piles up in the official client of an acceptor. */
  #pause(message: OutgoingMessage): void {
    const { isOpener, mode, now } = this.#state;
    if (isOpener || mode !== 'legacy') return;
    this.#lastBytes = message.payload.length;
    this.#pauseDeadline = now + replyPackets(message.payload.length) * LEGACY_REPLY_PACKET_MS;
  }

  #dueSurbs(): number {
    const { supply, incoming } = this.#state;
    if (supply === undefined) return 0;
    if (this.#state.isDue(this.#topUpDeadline())) return Math.max(SILENCE_TOP_UP_SURBS, supply.needed());
    return supply.due(incoming.complete);
  }

  #topUpDeadline(): number | undefined {
    const { mode, firstAnswer } = this.#state;
    return mode === 'unknown' && this.#mayTopUp ? firstAnswer.topUpDeadline : undefined;
  }

  /** When an unknown peer is granted more; only of interest while bytes wait for that. */
  #stageDeadline(): number | undefined {
    const { mode, outgoing, firstAnswer, now } = this.#state;
    const waits = mode === 'unknown' && outgoing.unsent > 0;
    return waits ? firstAnswer.stageDeadline(now) : undefined;
  }
}
