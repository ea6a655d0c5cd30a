import { replyPackets } from '../wire/packet-count.js';
import type { ProxiedMessage } from '../wire/proxied-message.js';
import { protocolError } from './errors.js';
import { PLAIN_REPLY_PACKET_MS, RUST_SURB_RESERVE, SILENCE_TOP_UP_SURBS } from './limits.js';
import type { OutgoingMessage } from './message-packer.js';
import type { SessionState } from './session-state.js';

const EMPTY = new Uint8Array();

/** One end that talks the Rust way, or does so until the first answer tells who the peer is. */
export class PlainDialect {
  readonly #state: SessionState;
  #pausedUntil: number | undefined;

  constructor(state: SessionState) {
    this.#state = state;
  }

  /**
   * Takes in a plain message.
   *
   * @throws {SessionError} if the peer may not send it.
   */
  receive(message: ProxiedMessage): void {
    const state = this.#state;
    if (state.surbs !== undefined && state.dialect !== 'plain') {
      if (state.dialect === 'frames') throw protocolError('the peer went back from frames to plain bytes');
      state.dialect = 'plain';
      state.outgoing.keepNothing();
      state.surbs.peerKeeps(RUST_SURB_RESERVE);
    }
    if (state.incoming.insertPlain(message)) state.started = true;
  }

  /** The next message to send; `undefined` if there is none now. */
  poll(): OutgoingMessage | undefined {
    const state = this.#state;
    const { outgoing, firstAnswer } = state;
    if (this.#pausedUntil !== undefined && state.now < this.#pausedUntil) return undefined;
    this.#pausedUntil = undefined;

    // Behind Close a Rust server expects nothing more; its official client asks for SURBs by itself.
    const dueSurbs = outgoing.finSentAt === undefined ? this.#dueSurbs() : 0;
    const plan = state.packer.plan(dueSurbs);
    const limit = state.dialect === 'unknown' ? firstAnswer.limit(state.now) : Number.MAX_SAFE_INTEGER;
    const sendable = outgoing.sendable(limit);
    const topUp = dueSurbs > 0 && firstAnswer.askedAt !== undefined;
    if (sendable > 0 || topUp || state.isDue(state.greetAt)) {
      const body = state.takeOut(Math.min(sendable, plan.room));
      // An acceptor of ours counts on what every opener brings; more would be unknown to it.
      const surbs = state.dialect === 'plain' ? state.packer.surbsWith(body.length, plan) : plan.surbs;
      const message = state.pack('data', body, surbs);
      this.#pause(message);
      return message;
    }
    if (!outgoing.mayFinish) return undefined;
    state.finSent();
    return state.pack('close', EMPTY, plan.surbs);
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
    if (!isOpener && incoming.complete) return undefined;
    if (finSentAt !== undefined) return Math.max(finSentAt, heardAt ?? finSentAt) + closeTimeoutMs;
    if (isOpener) return heardAt === undefined ? firstAnswer.timeout : undefined;
    return started ? undefined : createdAt + closeTimeoutMs;
  }

  /** No window limits what piles up in the official client of an acceptor. */
  #pause(message: OutgoingMessage): void {
    const { isOpener, dialect, now } = this.#state;
    if (isOpener || dialect !== 'plain') return;
    this.#pausedUntil = now + replyPackets(message.payload.length) * PLAIN_REPLY_PACKET_MS;
  }

  #dueSurbs(): number {
    const { surbs, dueSurbs } = this.#state;
    if (surbs === undefined || !this.#state.isDue(this.#topUpAt())) return dueSurbs;
    return Math.max(SILENCE_TOP_UP_SURBS, surbs.needed());
  }

  #topUpAt(): number | undefined {
    const { dialect, outgoing, firstAnswer } = this.#state;
    const mayCarry = dialect === 'unknown' && outgoing.finSentAt === undefined;
    return mayCarry ? firstAnswer.topUpAt : undefined;
  }

  /** When an unknown peer is granted more; only of interest while bytes wait for that. */
  #nextStageAt(): number | undefined {
    const { dialect, outgoing, firstAnswer, now } = this.#state;
    const waits = dialect === 'unknown' && outgoing.unsent > 0;
    return waits ? firstAnswer.nextStageAt(now) : undefined;
  }
}
