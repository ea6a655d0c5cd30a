import type { Frame } from '../../wire/frame.js';
import type { LegacyMessage, SessionMessage } from '../envelope.js';
import { dropsWritten, protocolError, SessionError, violation } from '../errors.js';
import {
  ACK_DELAY_MS,
  CLOSING_MS,
  FIRST_SURBS,
  LINGER_MS,
  OPEN_DELAY_MS,
  ROUTE_LIMIT_MS,
} from '../limits.js';
import type { SurbCredit } from '../surbs/surb-credit.js';
import type { SurbSupply } from '../surbs/surb-supply.js';
import { Framed } from './framed.js';
import { Legacy } from './legacy.js';
import { MessagePacker, type OutgoingMessage } from './message-packer.js';
import { SessionState, type EngineOptions, type Mode } from './state.js';
import { earliest } from './timers.js';

/**
 * The states of a session at one end:
 *
 * - `open`: bytes may be written, sent and received.
 * - `closing`: the session has ended for the application ({@link Outcome}); the peer is being told, and gets what was
 *   written before a reset.
 * - `drained`: the peer knows, or is waited for no longer. Nothing is sent any more.
 */
export type Phase = 'open' | 'closing' | 'drained';

/**
 * How a session ended: reset, or done. Done means that each end has all of the other's bytes; towards a peer in legacy
 * mode, that this end has all of the peer's, and that its own are sent.
 */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'reset'; readonly error: SessionError };

/**
 * One end of one session, without any input or output of its own: messages, bytes and times go in, messages and bytes
 * come out. It opens, orders, windows, retransmits, half-closes and resets; `session.ts` drives it.
 *
 * An opener does not know its peer. It starts in legacy mode, with plain bytes; an acceptor of ours sees from the session
 * id that it speaks frames and answers in frames, and from then on both do. Offsets count the plain bytes too, so nothing
 * is lost at the change.
 *
 * In frames a session outlives the mixnet clients of both ends: each end holds what it has sent until it is acknowledged,
 * and sends it again when either client was replaced.
 */
export class SessionEngine {
  readonly #state: SessionState;
  readonly #packer: MessagePacker;
  readonly #framed: Framed;
  readonly #legacy: Legacy;
  #phase: Phase = 'open';
  #outcome: Outcome | undefined;
  /** When the closing session last came closer to its end. */
  #closingSince = 0;
  /** What was sent and acknowledged by then. */
  #closingProgress = 0;
  /** Whether a peer that asks after the end of a session that is done is to be told. */
  #owesCloseResponse = false;
  #carried = 0;
  #carriedAt: number;

  constructor(options: EngineOptions) {
    this.#state = new SessionState(options);
    this.#packer = new MessagePacker(this.#state);
    this.#framed = new Framed(this.#state, this.#packer);
    this.#legacy = new Legacy(this.#state, this.#packer, this.#framed);
    this.#carriedAt = options.now;
    if (this.#state.isOpener) this.#state.greetDeadline = options.now + OPEN_DELAY_MS;
    else if (this.mode === 'frames') this.#state.greetDeadline = options.now + ACK_DELAY_MS;
  }

  get id(): string {
    return this.#state.sessionId;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** How the session ended; `undefined` while it is open. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /**
   * Why nothing can be written any more: the session was reset, or the peer has reset it and only its bytes from before
   * still come.
   */
  get failure(): SessionError | undefined {
    return this.#outcome?.kind === 'reset' ? this.#outcome.error : this.#state.peerReset;
  }

  get mode(): Mode {
    return this.#state.mode;
  }

  /** The version of the session protocol that both ends speak; 1 until an opener has been told. */
  get version(): number {
    return this.#state.negotiated ?? 1;
  }

  /** Bytes written and not yet sent. */
  get unsent(): number {
    return this.#state.outgoing.unsent;
  }

  /** Bytes that may be written now; those beyond are held all the same. */
  get room(): number {
    return this.#state.sendBuffer - this.unsent;
  }

  /** Bytes sent that the peer has not acknowledged yet, held to be sent again. */
  get unacknowledged(): number {
    return this.#state.outgoing.unacknowledged;
  }

  /** Bytes sent that the mixnet client may still hold. */
  handedOver(now: number): number {
    return this.mode === 'legacy' ? this.#legacy.handedOver(now) : this.unacknowledged;
  }

  /** Bytes received and not yet read, those behind gaps included. */
  get unread(): number {
    return this.#state.incoming.unread;
  }

  /** Bytes of the connection that have been sent. */
  get bytesSent(): number {
    return this.#state.outgoing.sent;
  }

  /** Bytes of the connection that the peer has acknowledged; in legacy mode it acknowledges none. */
  get bytesAcknowledged(): number {
    return this.#state.outgoing.acknowledged;
  }

  /** Bytes of the connection that have arrived in order. */
  get bytesReceived(): number {
    return this.#state.incoming.received;
  }

  /** Bytes that the peer may still send, by what it was told. */
  get bytesGranted(): number {
    const { incoming } = this.#state;
    return Math.max(0, incoming.limit - incoming.received);
  }

  /** Since when this end has been without a mixnet client. */
  get pausedSince(): number | undefined {
    return this.#state.paths.lostAt;
  }

  /** When a message of the peer's last came. */
  get heardAt(): number | undefined {
    return this.#state.heardAt;
  }

  /** Since when the peer has owed its first answer; `undefined` if it does not, or there is no mixnet client to hear it. */
  get unansweredSince(): number | undefined {
    const { heardAt, paths, firstAnswer } = this.#state;
    return heardAt === undefined && paths.lostAt === undefined ? firstAnswer.askedOverClientAt : undefined;
  }

  /** How long the peer's last answer took, from the first bytes sent to the next message from there. */
  get answerMs(): number | undefined {
    return this.#state.answerMs;
  }

  /** How long the peer's first answer took. */
  get firstAnswerMs(): number | undefined {
    return this.#state.firstAnswerMs;
  }

  /** Whether bytes wait to be read. */
  get readable(): boolean {
    return this.#state.incoming.readable;
  }

  /** Whether the peer's stream has been read to its end. */
  get readToEnd(): boolean {
    if (this.failure !== undefined) return false;
    const { exhausted, unread } = this.#state.incoming;
    return exhausted || (this.#outcome?.kind === 'done' && unread === 0);
  }

  /**
   * What an acceptor tells an opener that asks after the end of a drained session; `undefined` for one that need not be
   * told.
   */
  get closeResponse(): readonly Frame[] | undefined {
    const { incoming, outgoing, ownReset, peerReset, now } = this.#state;
    if (this.#outcome === undefined || this.mode !== 'frames') return undefined;
    if (this.#outcome.kind === 'done')
      return this.#framed.signed(
        { type: 'ack', ...incoming.acknowledge(now) },
        { type: 'fin', offset: outgoing.sent },
      );
    if (ownReset) return this.#framed.signed({ type: 'reset', code: ownReset.code });
    if (this.#outcome.error.code === 'lost') return this.#framed.signed({ type: 'reset', code: 'gone' });
    return peerReset && this.#framed.signed({ type: 'ack', ...incoming.acknowledge(now) });
  }

  /** Takes bytes to send. They are copied. */
  write(bytes: Uint8Array): void {
    if (this.failure === undefined) this.#state.outgoing.write(bytes);
  }

  /** Ends this end's stream: what was written is still sent, then FIN. */
  finish(): void {
    this.#state.outgoing.finish();
  }

  /** Grants the peer at most so many bytes ahead of the reader from now on. What was granted stays granted. */
  limitWindow(bytes: number): void {
    this.#state.incoming.limitWindow(bytes);
  }

  /**
   * Reads no more: what still comes is dropped. Once this end's stream is finished, a peer that has no way to say its
   * own end is not waited for.
   */
  discard(now: number): void {
    this.#state.now = now;
    this.#state.incoming.discard();
    this.#dropUnread();
    this.settle(now);
  }

  /**
   * Gives the session up. Nothing can be read any more. What was written before is still sent, and then the peer told why,
   * save for resets that drop everything (see {@link dropsWritten}); those free what a closing session still holds, too.
   */
  reset(error: SessionError, now: number): void {
    this.#state.now = now;
    this.#state.incoming.clear();
    if (this.#phase === 'open') this.#reset(error);
    else if (this.#phase === 'closing' && dropsWritten(error.code)) this.#dropRest(error);
  }

  /** Waits for the peer no longer. For sessions that are closing. */
  drain(): void {
    if (this.#phase === 'closing') this.#drain();
  }

  /** The mixnet client is gone. Until there is another, nothing is sent; in legacy mode that is the end. */
  pathLost(now: number, cause?: unknown): void {
    if (this.#phase === 'drained') return;
    this.#state.now = now;
    this.#state.paths.lost(now, cause);
    if (this.mode !== 'legacy') return;
    if (this.#phase === 'open') this.#giveUpWaiting();
    else this.#drain();
  }

  /**
   * The session goes on over another mixnet client; one in legacy mode ends.
   *
   * @param supply the SURBs given to the peer over this client, at an opener.
   */
  pathFound(now: number, supply: SurbSupply | undefined): void {
    if (this.mode === 'legacy') this.pathLost(now);
    if (this.#phase === 'drained') return;
    const { paths, firstAnswer } = this.#state;
    this.#state.now = now;
    this.#state.supply = supply;
    this.#packer.migrated();
    firstAnswer.migrated();
    if (supply === undefined) {
      this.#replyWith(undefined);
      paths.awaitSurbs(now);
    } else if (firstAnswer.askedAt === undefined) {
      paths.begin(now);
    } else {
      // Plain bytes sent again would reach a Rust server's upstream twice; frames it skips.
      this.#speakFrames();
      paths.validate(now);
      this.#framed.migrated();
    }
  }

  /** Takes the next bytes of the peer's stream; `undefined` if there are none now. */
  take(now: number): Uint8Array | undefined {
    this.#state.now = now;
    const chunk = this.#state.incoming.take();
    if (chunk === undefined) return undefined;
    if (this.mode === 'frames') this.#framed.read();
    this.settle(now);
    return chunk;
  }

  /**
   * Takes in a message of this session. Whatever is in it, only this session can suffer. Tells whether it came from the
   * peer's current client, to which replies belong.
   *
   * @param credit the SURBs of the client that it came from, at an acceptor.
   */
  receive(message: SessionMessage, now: number, credit?: SurbCredit): boolean {
    this.#state.now = now;
    if (this.#phase === 'drained') return false;
    if (this.#outcome?.kind === 'done') return this.#receiveLate(message);
    try {
      this.#heard();
      const current =
        message.kind === 'frames'
          ? this.#receiveFrames(message, credit)
          : this.#receiveLegacy(message, credit);
      if (current && this.mode === 'frames') this.#replyWith(credit);
      return current;
    } catch (error) {
      const reason = violation(error);
      if (this.#phase === 'open') this.#reset(reason);
      else this.#drain();
      return true;
    } finally {
      this.settle(now);
      this.#dropUnread();
    }
  }

  /** The next message to hand to the mixnet client; `undefined` if there is none now. */
  poll(now: number): OutgoingMessage | undefined {
    this.settle(now);
    if (this.#phase === 'drained' || this.#state.paths.blocked) return undefined;
    if (this.#outcome?.kind === 'done') return this.#pollCloseResponse();
    try {
      return this.#talk.poll();
    } catch (error) {
      const reason = violation(error);
      if (this.#phase === 'open') this.#reset(reason);
      else this.#drain();
      return this.#phase === 'closing' ? this.#talk.poll() : undefined;
    } finally {
      this.settle(now);
    }
  }

  /** When to call {@link poll} again even if nothing happens until then; `undefined` for never. */
  get deadline(): number | undefined {
    const silent = this.#phase === 'drained' || this.#outcome?.kind === 'done' || this.#state.paths.blocked;
    return earliest([this.endDeadline, silent ? undefined : this.#talk.deadline]);
  }

  /** When to call {@link settle} again even if nothing happens until then; `undefined` for never. */
  get endDeadline(): number | undefined {
    if (this.#phase === 'drained') return undefined;
    if (this.#phase === 'closing') return this.#drainDeadline;
    return earliest([this.#giveUpDeadline, this.#idleDeadline]);
  }

  /** Notices that everything is done, that a time limit has passed, or that a closing session is drained. */
  settle(now: number): void {
    const state = this.#state;
    state.now = now;
    if (this.#phase === 'open') {
      this.#noteCarried();
      if (this.#isDone()) this.#close({ kind: 'done' });
      else if (state.peerReset && state.incoming.complete)
        this.#close({ kind: 'reset', error: state.peerReset });
      else if (state.isDue(this.#idleDeadline)) this.#giveUpIdle();
      else if (state.isDue(this.#giveUpDeadline)) this.#giveUpWaiting();
    }
    if (this.#phase !== 'closing') return;
    this.#noteClosingProgress();
    if (this.#isDrained() || state.isDue(this.#drainDeadline)) this.#drain();
  }

  get #talk(): Framed | Legacy {
    return this.mode === 'frames' ? this.#framed : this.#legacy;
  }

  #speakFrames(): void {
    if (this.mode === 'frames') return;
    this.#state.mode = 'frames';
    if (this.#state.ownReset) this.#framed.reset();
  }

  /** A message of the peer's has come. */
  #heard(): void {
    const state = this.#state;
    state.heardAt = state.now;
    this.#packer.answered();
    if (state.askedAt === undefined) return;
    state.answerMs = state.now - state.askedAt;
    state.firstAnswerMs ??= state.answerMs;
    state.askedAt = undefined;
  }

  #receiveFrames(
    message: Extract<SessionMessage, { kind: 'frames' }>,
    credit: SurbCredit | undefined,
  ): boolean {
    if (this.mode === 'legacy') throw protocolError('the peer went over from plain bytes to frames');
    this.#speakFrames();
    this.#state.started = true;
    if (message.malformed) throw message.malformed;
    const { frames } = message;
    credit?.heard(frames);
    const reset = frames.find((frame) => frame.type === 'reset');
    // Without a final offset the session ends at once; with one, the other frames count.
    if (reset === undefined || reset.finalOffset !== undefined) return this.#framed.receive(frames);
    this.#framed.checkInstance(frames);
    if (this.#phase === 'open') this.#close({ kind: 'reset', error: new SessionError(reset.code, 'peer') });
    this.#drain();
    return true;
  }

  #receiveLegacy(message: LegacyMessage, credit: SurbCredit | undefined): boolean {
    this.#legacy.receive(message);
    credit?.brought(this.#isFirst(message) ? FIRST_SURBS : 1);
    return this.mode === 'frames' ? this.#framed.receivedLegacy() : true;
  }

  /** Whether this is the first message of an opener that does not know its peer. */
  #isFirst({ kind, messageId }: LegacyMessage): boolean {
    const { hasOpen, firstMessage } = this.#state.envelope;
    return hasOpen ? kind === 'open' : messageId === firstMessage;
  }

  /** Replies to the client that these SURBs are of. */
  #replyWith(credit: SurbCredit | undefined): void {
    const state = this.#state;
    if (state.credit === credit) return;
    state.credit?.leave(state, state.wake);
    state.credit = credit;
  }

  #dropUnread(): void {
    const { incoming, now } = this.#state;
    while (incoming.discarding && this.take(now) !== undefined);
  }

  // Open: when to end.

  #noteCarried(): void {
    const { outgoing, incoming, now } = this.#state;
    const carried = outgoing.sent + incoming.received;
    if (carried === this.#carried) return;
    this.#carried = carried;
    this.#carriedAt = now;
  }

  /** When the session has been idle for too long. */
  get #idleDeadline(): number | undefined {
    const { idleTimeoutMs } = this.#state;
    return idleTimeoutMs === undefined ? undefined : this.#carriedAt + idleTimeoutMs;
  }

  /** When to stop waiting, for a mixnet client or for the peer. */
  get #giveUpDeadline(): number | undefined {
    const { isOpener, paths } = this.#state;
    return isOpener && paths.lostAt !== undefined ? paths.lostAt + ROUTE_LIMIT_MS : this.#talk.giveUpDeadline;
  }

  #isDone(): boolean {
    const { outgoing, incoming, envelope, peerReset } = this.#state;
    if (peerReset || outgoing.finSentAt === undefined) return false;
    if (this.mode === 'legacy' && !envelope.hasClose) return incoming.discarding;
    if (!incoming.exhausted) return false;
    return this.mode === 'frames' ? this.#framed.saidGoodbye : true;
  }

  #giveUpIdle(): void {
    const seconds = (this.#state.idleTimeoutMs ?? 0) / 1000;
    this.#reset(new SessionError('timeout', 'us', `nothing was carried for ${seconds} s`));
  }

  /**
   * Rust servers never signal the end of the stream, nor do Rust peers of a stream, so silence counts as it. If one of our
   * own openers dies right after its goodbye, at most the acknowledgement of our FIN is missing. Everywhere else, and
   * while a message is missing, bytes may be lost.
   */
  #giveUpWaiting(): void {
    const { isOpener, paths, envelope, outgoing, incoming, peerReset } = this.#state;
    const mayBeDone = outgoing.finSentAt !== undefined && !incoming.hasGap;
    if (peerReset) {
      this.#close({ kind: 'reset', error: peerReset });
    } else if (paths.lostAt !== undefined) {
      this.#reset(new SessionError('lost', 'us', undefined, { cause: paths.lostCause }));
    } else if (this.mode === 'legacy' && (isOpener || !envelope.hasClose) && mayBeDone) {
      this.#close({ kind: 'done' });
    } else if (!isOpener && this.mode === 'frames' && this.#framed.delivered) {
      this.#close({ kind: 'done' });
    } else {
      this.#reset(new SessionError('timeout', 'us', 'the peer did not answer in time'));
    }
  }

  // Closing.

  /** This end ends the session; the peer is told, unless there is no way to, or it never heard of the session. */
  #reset(error: SessionError): void {
    const { outgoing, retransmit, isOpener, firstAnswer, now } = this.#state;
    const { code } = error;
    // There is no way to tell the peer, or nothing to tell.
    const untold = error.by === 'peer' || code === 'lost' || (isOpener && firstAnswer.askedAt === undefined);
    const dropping = untold || dropsWritten(code);
    if (dropping) {
      outgoing.drop();
      retransmit.restart(now, false);
    } else {
      // A peer that has not answered is not sent more than it may hold.
      if (this.mode === 'unknown') outgoing.truncate();
      outgoing.finish();
    }
    this.#close({ kind: 'reset', error });
    if (untold) {
      this.#drain();
    } else {
      this.#state.ownReset = { code, finalOffset: dropping ? undefined : outgoing.written };
      this.#talk.reset();
    }
  }

  /** A closing session sends no more bytes. A peer that was told of some, or of nothing yet, is told that it ends now. */
  #dropRest({ code, by }: SessionError): void {
    const { ownReset, outgoing, retransmit, now } = this.#state;
    if (ownReset === undefined || by === 'peer' || code === 'lost') {
      this.#drain();
    } else if (ownReset.finalOffset !== undefined) {
      outgoing.drop();
      retransmit.restart(now, false);
      this.#state.ownReset = { code: ownReset.code, finalOffset: undefined };
      this.#talk.reset();
    }
  }

  #close(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#phase = 'closing';
    this.#closingSince = this.#state.now;
    this.#noteClosingProgress();
    if (outcome.kind === 'done') {
      this.#replyWith(undefined);
      this.#state.outgoing.drop();
    }
  }

  #drain(): void {
    this.#phase = 'drained';
    this.#replyWith(undefined);
    this.#state.outgoing.drop();
  }

  #noteClosingProgress(): void {
    const { outgoing, now } = this.#state;
    const progress = outgoing.sent + outgoing.acknowledged;
    if (progress === this.#closingProgress) return;
    this.#closingProgress = progress;
    this.#closingSince = now;
  }

  /** Whether bytes from before the reset are still to be delivered, to a peer that is there. */
  get #delivering(): boolean {
    const { outgoing, ownReset, heardAt } = this.#state;
    if (ownReset?.finalOffset === undefined || heardAt === undefined) return false;
    return this.mode === 'legacy' ? outgoing.unsent > 0 : outgoing.acknowledged < ownReset.finalOffset;
  }

  /** When a closing session waits for its peer no longer. */
  get #drainDeadline(): number {
    const { paths, ownReset } = this.#state;
    if (ownReset && paths.lostAt !== undefined) return paths.lostAt + ROUTE_LIMIT_MS;
    const since = Math.max(this.#closingSince, paths.foundAt ?? 0);
    return since + (this.#delivering ? CLOSING_MS : LINGER_MS);
  }

  #isDrained(): boolean {
    const { isOpener, outgoing, ownReset, paths } = this.#state;
    if (this.#outcome?.kind === 'done') {
      return !isOpener || this.#framed.goodbyeAnswered || this.mode !== 'frames';
    }
    if (ownReset === undefined) return this.mode !== 'frames' || !this.#framed.owesAck || paths.blocked;
    if (ownReset.finalOffset !== undefined && outgoing.finAcknowledged) return true;
    // An opener's mixnet client may go with the session, and what it has not sent yet would be lost.
    if (isOpener || this.#talk.owesReset || outgoing.unsent > 0) return false;
    return ownReset.finalOffset === undefined || this.mode === 'legacy' || !this.#state.peerKnowsFinalOffsets;
  }

  /** An opener answers a peer that did not hear of the end; an acceptor is drained by then ({@link closeResponse}). */
  #receiveLate(message: SessionMessage): boolean {
    if (message.kind === 'frames' && this.mode === 'frames') {
      this.#framed.receivePongs(message.frames);
      const asks = message.frames.some(({ type }) => type === 'data' || type === 'fin' || type === 'ping');
      if (asks) this.#owesCloseResponse = true;
      this.settle(this.#state.now);
    }
    return false;
  }

  #pollCloseResponse(): OutgoingMessage | undefined {
    const { closeResponse } = this;
    if (!this.#owesCloseResponse || closeResponse === undefined) return undefined;
    this.#owesCloseResponse = false;
    return this.#packer.packFrames(closeResponse, { surbs: 0, room: 0 });
  }
}
