import { decodeFrames, type Frame } from '../wire/frame.js';
import { Ending, type Outcome } from './ending.js';
import type { SessionMessage } from './envelope.js';
import { protocolError, SessionError, violation } from './errors.js';
import { FramesDialect } from './frames-dialect.js';
import { ACK_DELAY_MS, FIRST_SURBS, OPEN_DELAY_MS, ROUTE_LIMIT_MS } from './limits.js';
import type { OutgoingMessage } from './message-packer.js';
import { PlainDialect } from './plain-dialect.js';
import { earliest, SessionState, type Dialect, type EngineOptions } from './session-state.js';
import type { ReplyStock } from './reply-stock.js';
import type { SurbStock } from './surb-stock.js';

/**
 * One end of one session, without any input or output of its own: messages, bytes and times go in, messages and bytes
 * come out. It opens, orders, windows, repeats, half-closes and resets; `session.ts` drives it.
 *
 * An opener does not know its peer. It starts in the Rust way, with plain bytes; an acceptor of ours sees from the
 * session id that it speaks frames and answers in frames, and from then on both do. Offsets count the plain bytes
 * too, so nothing is lost at the change.
 *
 * In frames a session outlives the mixnet clients of both ends: each end keeps what it has sent until it is
 * acknowledged, and sends it again when either client was replaced.
 */
export class SessionEngine {
  readonly #state: SessionState;
  readonly #frames: FramesDialect;
  readonly #plain: PlainDialect;
  readonly #ending: Ending;

  constructor(options: EngineOptions) {
    this.#state = new SessionState(options);
    this.#frames = new FramesDialect(this.#state);
    this.#plain = new PlainDialect(this.#state);
    this.#ending = new Ending(this.#state, this.#frames);
    if (this.#state.isOpener) this.#state.greetAt = options.now + OPEN_DELAY_MS;
    else if (this.dialect === 'frames') this.#state.greetAt = options.now + ACK_DELAY_MS;
  }

  /** How the session ended; `undefined` while it has not. */
  get outcome(): Outcome | undefined {
    return this.#ending.outcome;
  }

  get dialect(): Dialect {
    return this.#state.dialect;
  }

  /** Bytes written and not yet sent. */
  get unsent(): number {
    return this.#state.outgoing.unsent;
  }

  /** Bytes that may be written now; those beyond are held all the same. */
  get room(): number {
    return this.#state.sendBuffer - this.unsent;
  }

  /** Bytes sent that the peer has not acknowledged yet, kept to be sent again. */
  get unacknowledged(): number {
    return this.#state.outgoing.kept;
  }

  /** Bytes sent that the mixnet client may still hold. */
  handedOver(now: number): number {
    return this.dialect === 'plain' ? this.#plain.handedOver(now) : this.unacknowledged;
  }

  /** Bytes received and not yet read, those behind gaps included. */
  get unread(): number {
    return this.#state.incoming.unread;
  }

  /** Bytes that the peer may still send, by what it was told; a peer without windows is told nothing. */
  get granted(): number {
    const { complete, limit, received } = this.#state.incoming;
    return complete || this.dialect === 'plain' ? 0 : Math.max(0, limit - received);
  }

  /** Bytes of those sent that the peer has acknowledged. */
  get acknowledged(): number {
    return this.#state.outgoing.acknowledged;
  }

  /** Since when there has been no mixnet client. */
  get pausedSince(): number | undefined {
    return this.#state.routes.lostAt;
  }

  /** Bytes of the connection that have been sent. */
  get bytesSent(): number {
    return this.#state.outgoing.sent;
  }

  /** Bytes of the connection that have arrived in order. */
  get bytesReceived(): number {
    return this.#state.incoming.received;
  }

  /** When a message of the peer's last came. */
  get heardAt(): number | undefined {
    return this.#state.heardAt;
  }

  /** Since when the peer has owed its first answer; `undefined` if it does not, or there is no mixnet client to hear it. */
  get unansweredSince(): number | undefined {
    const { heardAt, routes, firstAnswer } = this.#state;
    return heardAt === undefined && routes.lostAt === undefined ? firstAnswer.askedOverClientAt : undefined;
  }

  /** How long the peer's last answer took, from the first bytes sent to the next message from there. */
  get answerMs(): number | undefined {
    return this.#state.answerMs;
  }

  /** How long the peer's first answer took. */
  get firstAnswerMs(): number | undefined {
    return this.#state.firstAnswerMs;
  }

  /** Whether the peer's stream has been read to its end. */
  get readToEnd(): boolean {
    const { exhausted, unread } = this.#state.incoming;
    return exhausted || (this.outcome?.kind === 'done' && unread === 0);
  }

  /** Whether the session has ended and the peer need not be told any more. */
  get parted(): boolean {
    return this.#ending.parted;
  }

  /** What to tell a peer that asks after the end; `undefined` for one that need not be told. */
  get epitaph(): readonly Frame[] | undefined {
    return this.#ending.epitaph;
  }

  /** Takes bytes to send. They are copied. */
  write(bytes: Uint8Array): void {
    this.#state.outgoing.write(bytes);
  }

  /** Ends this end's stream: what was written is still sent, then FIN. */
  finish(): void {
    this.#state.outgoing.finish();
  }

  /**
   * Reads no more: what still comes is dropped. Once this end's stream is finished, a peer that has no way to say its
   * own end is not waited for.
   */
  discard(now: number): void {
    this.#state.now = now;
    this.#state.incoming.discard();
    this.#dropUnread();
    this.#settle();
  }

  /** Gives the session up and, unless the peer did so first, tells it why. */
  reset(error: SessionError): void {
    if (this.outcome !== undefined) return;
    if (error.by === 'us' && error.code !== 'lost') this.#ending.tellReset(error.code);
    this.#end({ kind: 'reset', error });
  }

  /** The mixnet client is gone. Until there is another, nothing is sent; in the Rust way that is the end. */
  routeLost(now: number, cause?: unknown): void {
    if (this.outcome !== undefined) return;
    this.#state.now = now;
    this.#state.routes.lost(now, cause);
    if (this.dialect === 'plain') this.#giveUpWaiting();
  }

  /**
   * The session goes on over another mixnet client; one in the Rust way ends.
   *
   * @param surbs those given to the peer over this client, at an opener.
   */
  routeFound(now: number, surbs: SurbStock | undefined): void {
    if (this.dialect === 'plain') this.routeLost(now);
    if (this.outcome !== undefined) return;
    const { packer, routes, firstAnswer } = this.#state;
    this.#state.now = now;
    this.#state.surbs = surbs;
    packer.rerouted(surbs);
    firstAnswer.rerouted();
    if (surbs === undefined) {
      this.#replyWith(undefined);
      routes.awaitSurbs();
    } else if (firstAnswer.askedAt === undefined) {
      routes.begin();
    } else {
      // Plain bytes sent again would reach a Rust server's upstream twice; frames it skips.
      this.#state.dialect = 'frames';
      routes.announce();
      this.#frames.rerouted();
    }
  }

  /** Takes the next bytes of the peer's stream; `undefined` if there are none now. */
  take(now: number): Uint8Array | undefined {
    this.#state.now = now;
    const chunk = this.#state.incoming.take();
    if (chunk === undefined) return undefined;
    if (this.dialect === 'frames') this.#frames.read();
    this.#settle();
    return chunk;
  }

  /**
   * Takes in a message of this session. Whatever is in it, only this session can suffer. Tells whether it came from the
   * peer's current client, to which replies belong.
   *
   * @param replies the SURBs of the client that it came from, at an acceptor.
   */
  receive(message: SessionMessage, now: number, replies?: ReplyStock): boolean {
    this.#state.now = now;
    try {
      if (this.outcome !== undefined) {
        this.#ending.receiveLate(message);
        return false;
      }
      this.#state.heard();
      const current =
        message.kind === 'frames'
          ? this.#receiveFrames(message, replies)
          : this.#receivePlain(message, replies);
      if (current && this.dialect === 'frames') this.#replyWith(replies);
      return current;
    } catch (error) {
      this.reset(violation(error));
      return true;
    } finally {
      this.#settle();
      this.#dropUnread();
    }
  }

  /** The next message to hand to the mixnet client; `undefined` if there is none now. */
  poll(now: number): OutgoingMessage | undefined {
    this.#state.now = now;
    this.#settle();
    if (this.#state.routes.blocked) return undefined;
    const last = this.#ending.nextWords();
    if (last !== undefined) return last;
    if (this.outcome !== undefined) return undefined;
    try {
      return this.#talk.poll();
    } catch (error) {
      this.reset(violation(error));
      return this.#ending.nextWords();
    } finally {
      this.#settle();
    }
  }

  /** When to call {@link poll} again even if nothing happens until then; `undefined` for never. */
  get deadline(): number | undefined {
    if (this.outcome !== undefined) return undefined;
    const sending = this.#state.routes.blocked ? [] : this.#talk.deadlines;
    return earliest([this.#giveUpAt, this.#state.idleAt, ...sending]);
  }

  get #talk(): FramesDialect | PlainDialect {
    return this.dialect === 'frames' ? this.#frames : this.#plain;
  }

  #receiveFrames(message: SessionMessage, replies: ReplyStock | undefined): boolean {
    if (this.dialect === 'plain') throw protocolError('the peer went over from plain bytes to frames');
    this.#state.dialect = 'frames';
    this.#state.started = true;
    const frames = decodeFrames(message.body);
    replies?.heard(frames);
    const reset = frames.find((frame) => frame.type === 'reset');
    if (reset === undefined) return this.#frames.receive(frames);
    this.#frames.checkInstance(frames);
    this.#end({ kind: 'reset', error: new SessionError(reset.code, 'peer') });
    return true;
  }

  #receivePlain(message: SessionMessage, replies: ReplyStock | undefined): boolean {
    this.#plain.receive(message);
    replies?.brought(this.#isFirst(message) ? FIRST_SURBS : 1);
    return this.dialect === 'frames' ? this.#frames.receivedPlain() : true;
  }

  /** Whether this is the first message of an opener that does not know its peer. */
  #isFirst({ kind, messageId }: SessionMessage): boolean {
    const { hasOpen, firstMessage } = this.#state.envelope;
    return hasOpen ? kind === 'open' : messageId === firstMessage;
  }

  // Ending.

  /** Replies to the client that these SURBs are of. */
  #replyWith(replies: ReplyStock | undefined): void {
    const state = this.#state;
    if (state.replies === replies) return;
    state.replies?.leave(state, state.wake);
    state.replies = replies;
  }

  #end(outcome: Outcome): void {
    this.#ending.outcome = outcome;
    this.#replyWith(undefined);
    this.#state.outgoing.clear();
  }

  /** Notices that everything is done, or that the peer has been silent for too long. */
  #settle(): void {
    if (this.outcome !== undefined) return;
    this.#state.noteCarried();
    if (this.#isDone()) this.#end({ kind: 'done' });
    else if (this.#state.isDue(this.#state.idleAt)) this.#giveUpIdle();
    else if (this.#state.isDue(this.#giveUpAt)) this.#giveUpWaiting();
  }

  #isDone(): boolean {
    const { outgoing, incoming, envelope } = this.#state;
    if (outgoing.finSentAt === undefined) return false;
    if (this.dialect === 'plain' && !envelope.hasClose) return incoming.discarding;
    if (!incoming.exhausted) return false;
    return this.dialect === 'frames' ? this.#frames.partedWell : true;
  }

  /** Whether this end has said its last, and of the peer's bytes none is known to be missing. */
  get #mayBeDone(): boolean {
    const { outgoing, incoming } = this.#state;
    return outgoing.finSentAt !== undefined && !incoming.hasGap;
  }

  #dropUnread(): void {
    const { incoming, now } = this.#state;
    while (incoming.discarding && this.take(now) !== undefined);
  }

  #giveUpIdle(): void {
    const seconds = (this.#state.idleTimeoutMs ?? 0) / 1000;
    this.reset(new SessionError('timeout', 'us', `nothing was carried for ${seconds} s`));
  }

  /** When to stop waiting, for a mixnet client or for the peer. */
  get #giveUpAt(): number | undefined {
    const { isOpener, routes } = this.#state;
    return isOpener && routes.lostAt !== undefined ? routes.lostAt + ROUTE_LIMIT_MS : this.#talk.giveUpAt;
  }

  /**
   * A Rust server never says that it is done, nor does any Rust peer of a stream, so there silence is taken for it. Of an
   * opener of ours that died right after its leave, only the acknowledgement of our end may be missing. Everywhere else, and while a message is missing, it
   * means that bytes may be lost.
   */
  #giveUpWaiting(): void {
    const { isOpener, routes, envelope } = this.#state;
    if (routes.lostAt !== undefined) {
      this.reset(new SessionError('lost', 'us', undefined, { cause: routes.lostCause }));
    } else if (this.dialect === 'plain' && (isOpener || !envelope.hasClose) && this.#mayBeDone) {
      this.#end({ kind: 'done' });
    } else if (!isOpener && this.dialect === 'frames' && this.#frames.delivered) {
      this.#end({ kind: 'done' });
    } else {
      this.reset(new SessionError('timeout', 'us', 'the peer did not answer in time'));
    }
  }
}
