import type { Frame } from '../wire/frame.js';
import { replyPackets } from '../wire/packet-count.js';
import type { SessionMessage } from './envelope.js';
import { protocolError } from './errors.js';
import { PLAIN_REPLY_PACKET_MS, RUST_SURB_RESERVE, SILENCE_TOP_UP_SURBS } from './limits.js';
import type { MessagePlan, OutgoingMessage } from './message-packer.js';
import type { SessionState } from './session-state.js';

const EMPTY = new Uint8Array();

/** One end that talks the Rust way, or does so until the first answer tells who the peer is. */
export class PlainDialect {
  readonly #state: SessionState;
  #pausedUntil: number | undefined;
  #lastBytes = 0;

  constructor(state: SessionState) {
    this.#state = state;
  }

  /**
   * Takes in a plain message.
   *
   * @throws {SessionError} if the peer may not send it.
   */
  receive(message: SessionMessage): void {
    const state = this.#state;
    if (state.surbs !== undefined && state.dialect !== 'plain') {
      if (state.dialect === 'frames') throw protocolError('the peer went back from frames to plain bytes');
      state.dialect = 'plain';
      state.outgoing.keepNothing();
      state.surbs.peerKeeps(RUST_SURB_RESERVE);
    }
    if (state.incoming.insertPlain(message)) state.started = true;
  }

  /** Bytes of the last message, which has probably not left before the pause after it is over. */
  handedOver(now: number): number {
    return this.#pausedUntil !== undefined && now < this.#pausedUntil ? this.#lastBytes : 0;
  }

  /** The next message to send; `undefined` if there is none now. */
  poll(): OutgoingMessage | undefined {
    const state = this.#state;
    const { outgoing, firstAnswer, envelope } = state;
    if (this.#pausedUntil !== undefined && state.now < this.#pausedUntil) return undefined;
    this.#pausedUntil = undefined;

    const dueSurbs = this.#mayTopUp ? this.#dueSurbs() : 0;
    const plan = state.packer.plan(dueSurbs);
    const asked = firstAnswer.askedAt !== undefined;
    const limit =
      asked && state.dialect === 'unknown' ? firstAnswer.limit(state.now) : Number.MAX_SAFE_INTEGER;
    const sendable = outgoing.sendable(limit);
    const topUp = dueSurbs > 0 && asked;
    if (sendable > 0 || topUp || state.isDue(state.greetAt)) {
      const bytes = state.takeOut(Math.min(sendable, plan.room));
      const mayBeData = envelope.hasClose && outgoing.finSentAt === undefined;
      if (bytes.length === 0 && asked && !mayBeData) return this.#packFrames([], plan);
      // An acceptor of ours counts on what every opener brings; more would be unknown to it.
      const surbs = state.dialect === 'plain' ? state.packer.surbsWith(bytes.length, plan) : plan.surbs;
      const message = state.pack('data', bytes, surbs);
      this.#pause(message);
      return message;
    }
    if (!outgoing.mayFinish) return undefined;
    state.finSent();
    if (envelope.hasClose) return state.pack('close', EMPTY, plan.surbs);
    return state.dialect === 'plain'
      ? undefined
      : this.#packFrames([{ type: 'fin', offset: outgoing.sent }], plan);
  }

  /** When there may be something to send without anything happening until then. */
  get deadlines(): readonly (number | undefined)[] {
    return [this.#state.greetAt, this.#pausedUntil, this.#nextStageAt(), this.#topUpAt()];
  }

  /**
   * When to stop waiting: for an answer to an opener that never got one; for the first message, at an acceptor; for
   * anything, at an end that sent Close. An acceptor that has everything waits for nobody but its reader.
   */
  get giveUpAt(): number | undefined {
    const { isOpener, incoming, outgoing, heardAt, closeTimeoutMs, firstAnswer, started, createdAt } =
      this.#state;
    const { finSentAt } = outgoing;
    if (!this.#state.envelope.silenceEnds) return this.#leavesAt;
    if (!isOpener && incoming.complete) return undefined;
    if (finSentAt !== undefined) return Math.max(finSentAt, heardAt ?? finSentAt) + closeTimeoutMs;
    if (isOpener) return heardAt === undefined ? firstAnswer.timeout : undefined;
    return started ? undefined : createdAt + closeTimeoutMs;
  }

  /**
   * Where silence is no end it tells nothing, save to an opener that has sent all, wants nothing more, and waits to hear
   * whether it may go.
   */
  get #leavesAt(): number | undefined {
    const { outgoing, incoming, dialect, closeTimeoutMs } = this.#state;
    if (dialect !== 'unknown' || outgoing.finSentAt === undefined || !incoming.discarding) return undefined;
    return outgoing.finSentAt + closeTimeoutMs;
  }

  /**
   * What a Rust peer drops, and what opens the session at one of ours should the `open` be late. Ours hears with it of
   * SURBs that plain messages cannot state.
   */
  #packFrames(frames: readonly Frame[], plan: MessagePlan): OutgoingMessage {
    return this.#state.packFrames([this.#state.greeting, ...frames], plan);
  }

  /**
   * Behind Close only frames may follow, which a Rust server skips. Its official client asks for SURBs by itself. A stream
   * that nobody reads any more wants no more answers.
   */
  get #mayTopUp(): boolean {
    const { envelope, outgoing, incoming, dialect, version } = this.#state;
    if (!envelope.hasClose) return dialect === 'unknown' || !incoming.discarding;
    return outgoing.finSentAt === undefined || (dialect === 'unknown' && version > 0);
  }

  /** No window limits what piles up in the official client of an acceptor. */
  #pause(message: OutgoingMessage): void {
    const { isOpener, dialect, now } = this.#state;
    if (isOpener || dialect !== 'plain') return;
    this.#lastBytes = message.payload.length;
    this.#pausedUntil = now + replyPackets(message.payload.length) * PLAIN_REPLY_PACKET_MS;
  }

  #dueSurbs(): number {
    const { surbs, dueSurbs } = this.#state;
    if (surbs === undefined || !this.#state.isDue(this.#topUpAt())) return dueSurbs;
    return Math.max(SILENCE_TOP_UP_SURBS, surbs.needed());
  }

  #topUpAt(): number | undefined {
    const { dialect, firstAnswer } = this.#state;
    return dialect === 'unknown' && this.#mayTopUp ? firstAnswer.topUpAt : undefined;
  }

  /** When an unknown peer is granted more; only of interest while bytes wait for that. */
  #nextStageAt(): number | undefined {
    const { dialect, outgoing, firstAnswer, now } = this.#state;
    const waits = dialect === 'unknown' && outgoing.unsent > 0;
    return waits ? firstAnswer.nextStageAt(now) : undefined;
  }
}
