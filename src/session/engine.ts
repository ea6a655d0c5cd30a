import { dataFrameOverhead, decodeFrames, encodedBytes, encodeFrames, type Frame } from '../wire/frame.js';
import { replyPackets } from '../wire/packet-count.js';
import { type ProxiedMessage, type ProxiedMessageKind } from '../wire/proxied-message.js';
import { SESSION_PROTOCOL_VERSION, sessionProtocolVersion, type SessionId } from '../wire/session-id.js';
import { AckSchedule } from './ack-schedule.js';
import { protocolError, SessionError, violation } from './errors.js';
import { FirstAnswer } from './first-answer.js';
import { IncomingStream } from './incoming-stream.js';
import {
  ACCEPTOR_SILENCE_MS,
  ACK_DELAY_MS,
  FORGOTTEN_MS,
  OPEN_DELAY_MS,
  PLAIN_REPLY_PACKET_MS,
  PROBE_SURBS,
  RESEND_BYTES,
  ROUTE_LIMIT_MS,
  RUST_SURB_RESERVE,
  SILENCE_TOP_UP_SURBS,
} from './limits.js';
import { Liveness } from './liveness.js';
import { MessagePacker, type MessagePlan, type OutgoingMessage } from './message-packer.js';
import { OutgoingStream } from './outgoing-stream.js';
import { ResendTimer } from './resend-timer.js';
import { Routes } from './routes.js';
import type { SurbStock } from './surb-stock.js';

/** Bytes of the largest FIN frame. */
const FIN_BYTES = 10;

const EMPTY = new Uint8Array();

/** How this end talks: in the Rust way, in frames, or in the Rust way until the first answer tells. */
export type Dialect = 'unknown' | 'plain' | 'frames';

/** What the engine needs to know of its session. */
export interface EngineOptions {
  readonly sessionId: SessionId;
  /** The SURBs given to the acceptor, at the opener; `undefined` at the acceptor, which replies. */
  readonly surbs: SurbStock | undefined;
  /** Lets an opener start with an OPEN frame, for a peer that is known to speak frames. */
  readonly startWithFrames?: boolean;
  /** Silence after which an end that has sent everything stops waiting for a peer in the Rust way. */
  readonly closeTimeoutMs: number;
  /** Now, in milliseconds of a clock that does not go back; the same clock as in every other call. */
  readonly now: number;
}

/**
 * How a session ended: reset, or done. Done means that each end has all of the other's bytes; towards a peer in the
 * Rust way, that this end has all of the peer's, and that its own are sent.
 */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'reset'; readonly error: SessionError };

/**
 * One end of one session, without any input or output of its own: messages, bytes and times go in, messages and bytes
 * come out. It opens, orders, windows, repeats, half-closes and resets; `session.ts` drives it.
 *
 * An opener does not know its peer. It starts in the Rust way, with plain bytes; an acceptor of ours sees from the
 * session id that it speaks frames and answers in frames, and from then on both do. Offsets count the plain bytes
 * too, so nothing is lost at the change.
 *
 * In frames a session outlives the mixnet clients of both ends. Each end keeps what it has sent until it is
 * acknowledged and sends it again when either client was replaced ({@link Routes}). Only an opener can ask a silent
 * peer ({@link Liveness}): an acceptor needs SURBs to say anything.
 */
export class SessionEngine {
  readonly #options: EngineOptions;
  readonly #createdAt: number;
  #now: number;
  #dialect: Dialect;
  #outcome: Outcome | undefined;
  readonly #routes = new Routes();
  #surbs: SurbStock | undefined;
  /** Asks a silent peer, at an opener. */
  readonly #liveness: Liveness | undefined;
  #pings = 0;

  // Sending.
  readonly #outgoing = new OutgoingStream();
  readonly #packer: MessagePacker;
  readonly #lastWords: OutgoingMessage[] = [];
  readonly #firstAnswer = new FirstAnswer();
  readonly #resend = new ResendTimer();
  /** Offset behind what was last sent again as a question whether it is missing. */
  #askedUpTo: number | undefined;
  #pausedUntil: number | undefined;
  /** When the first bytes were sent that the peer has not answered. */
  #askedAt: number | undefined;
  #answerMs: number | undefined;

  // Receiving.
  readonly #incoming: IncomingStream;
  #heardAt: number | undefined;
  /** Whether the peer's first message has arrived, not only later ones. */
  #started = false;
  readonly #acks = new AckSchedule();
  /** The value of a PING to be answered. */
  #pong: number | undefined;

  /** When the greeting (OPEN, OPENED, or an opener's first plain message) goes out even without data. */
  #greetAt: number | undefined;
  /** The value of the PING with which an opener took its leave. */
  #leave: number | undefined;
  #leaveAnswered = false;

  constructor(options: EngineOptions) {
    const { sessionId, surbs, startWithFrames = false, now } = options;
    const framesAnnounced = sessionProtocolVersion(sessionId) > 0;
    this.#options = options;
    this.#surbs = surbs;
    this.#packer = new MessagePacker(sessionId, surbs);
    this.#createdAt = now;
    this.#now = now;
    if (surbs === undefined) {
      this.#dialect = framesAnnounced ? 'frames' : 'plain';
      this.#greetAt = framesAnnounced ? now + ACK_DELAY_MS : undefined;
      this.#incoming = new IncomingStream(framesAnnounced ? 0 : 1);
    } else {
      this.#dialect = startWithFrames ? 'frames' : 'unknown';
      this.#greetAt = now + OPEN_DELAY_MS;
      this.#incoming = new IncomingStream(0);
      this.#liveness = new Liveness(now);
    }
    if (this.#dialect === 'plain') this.#outgoing.keepNothing();
  }

  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  get dialect(): Dialect {
    return this.#dialect;
  }

  /** Bytes written and not yet sent. */
  get unsent(): number {
    return this.#outgoing.unsent;
  }

  /** Bytes sent that the peer has not acknowledged yet, kept to be sent again. */
  get unacknowledged(): number {
    return this.#outgoing.kept;
  }

  /** Bytes received and not yet read, those behind gaps included. */
  get unread(): number {
    return this.#incoming.unread;
  }

  /** Bytes of the connection that have been sent. */
  get bytesSent(): number {
    return this.#outgoing.sent;
  }

  /** Bytes of the connection that have arrived in order. */
  get bytesReceived(): number {
    return this.#incoming.received;
  }

  /** How long the peer's last answer took, from the first bytes sent to the next message from there. */
  get answerMs(): number | undefined {
    return this.#answerMs;
  }

  /** Whether the peer's stream has been read to its end. */
  get readToEnd(): boolean {
    return this.#incoming.exhausted || (this.#outcome?.kind === 'done' && this.#incoming.unread === 0);
  }

  /** Whether the session has ended and the peer need not be told any more; an acceptor leaves that to its epitaph. */
  get parted(): boolean {
    if (this.#outcome === undefined) return false;
    if (this.#surbs === undefined || this.#leaveAnswered) return true;
    return this.#outcome.kind === 'reset' ? this.#outcome.error.by === 'peer' : this.#dialect !== 'frames';
  }

  /** What to tell a peer that asks after the end; `undefined` for one that need not be told. */
  get epitaph(): Frame | undefined {
    if (this.#outcome === undefined || this.#dialect !== 'frames') return undefined;
    if (this.#outcome.kind === 'done') return { type: 'ack', ...this.#incoming.acknowledge() };
    const { by, code } = this.#outcome.error;
    return by === 'peer' ? undefined : { type: 'reset', code: code === 'lost' ? 'gone' : code };
  }

  /** Takes bytes to send. They are copied. */
  write(bytes: Uint8Array): void {
    this.#outgoing.write(bytes);
  }

  /** Ends this end's stream: what was written is still sent, then FIN. */
  finish(): void {
    this.#outgoing.finish();
  }

  /** Gives the session up and, unless the peer did so first, tells it why. */
  reset(error: SessionError): void {
    if (this.#outcome !== undefined) return;
    this.#end({ kind: 'reset', error });
    this.#tellReset();
  }

  /** The mixnet client is gone. Until there is another, nothing is sent; in the Rust way that is the end. */
  routeLost(now: number, cause?: unknown): void {
    if (this.#outcome !== undefined) return;
    this.#now = now;
    this.#routes.lost(now, cause);
    if (this.#dialect === 'plain') this.#giveUpWaiting();
  }

  /**
   * The session goes on over another mixnet client.
   *
   * @param surbs those given to the peer over this client, at an opener.
   */
  routeFound(now: number, surbs: SurbStock | undefined): void {
    if (this.#outcome !== undefined) return;
    this.#now = now;
    this.#surbs = surbs;
    this.#packer.rerouted(surbs);
    if (surbs === undefined) {
      this.#routes.awaitSurbs();
    } else if (this.#firstAnswer.askedAt === undefined) {
      this.#routes.begin();
    } else {
      // Plain bytes sent again would reach a Rust server's upstream twice; frames it skips.
      this.#dialect = 'frames';
      this.#pausedUntil = undefined;
      this.#routes.announce();
      this.#liveness?.rerouted(now);
      if (!this.#leaveAnswered) this.#leave = undefined;
    }
  }

  /** Takes the next bytes of the peer's stream; `undefined` if there are none now. */
  take(now: number): Uint8Array | undefined {
    this.#now = now;
    const chunk = this.#incoming.take();
    if (chunk === undefined) return undefined;
    if (this.#dialect === 'frames' && this.#incoming.windowDue) this.#acks.soon(now);
    this.#settle();
    return chunk;
  }

  /**
   * Takes in a message of this session. Whatever is in it, only this session can suffer. Tells whether it came from the
   * peer's current client, to which replies belong.
   */
  receive(message: ProxiedMessage, now: number): boolean {
    this.#now = now;
    if (this.#outcome !== undefined) {
      this.#answerLate(message);
      return false;
    }
    this.#heardAt = now;
    this.#packer.answered();
    this.#noteAnswer();
    let current = true;
    try {
      current = message.kind === 'frames' ? this.#receiveFrames(message) : this.#receivePlain(message);
    } catch (error) {
      this.reset(violation(error));
    }
    this.#settle();
    return current;
  }

  /** The next message to hand to the mixnet client; `undefined` if there is none now. */
  poll(now: number): OutgoingMessage | undefined {
    this.#now = now;
    this.#settle();
    if (this.#routes.blocked) return undefined;
    const last = this.#lastWords.shift();
    if (last !== undefined) return last;
    if (this.#outcome !== undefined) return undefined;
    try {
      return this.#dialect === 'frames' ? this.#pollFrames() : this.#pollPlain();
    } catch (error) {
      this.reset(violation(error));
      return this.#lastWords.shift();
    } finally {
      this.#settle();
    }
  }

  /** When to call {@link poll} again even if nothing happens until then; `undefined` for never. */
  get deadline(): number | undefined {
    if (this.#outcome !== undefined) return undefined;
    return earliest([this.#giveUpAt(), ...this.#sendingDeadlines()]);
  }

  #sendingDeadlines(): (number | undefined)[] {
    if (this.#routes.blocked) return [];
    if (this.#routes.announcing) return [this.#probeAt()];
    if (this.#dialect === 'frames') {
      return [this.#greetAt, this.#acks.at, this.#probeAt(), this.#resend.deadline];
    }
    return [this.#greetAt, this.#pausedUntil, this.#nextStageAt(), this.#topUpAt()];
  }

  // Receiving.

  #noteAnswer(): void {
    if (this.#askedAt === undefined) return;
    this.#answerMs = this.#now - this.#askedAt;
    this.#askedAt = undefined;
  }

  #receivePlain(message: ProxiedMessage): boolean {
    if (this.#surbs !== undefined && this.#dialect !== 'plain') {
      if (this.#dialect === 'frames') throw protocolError('the peer went back from frames to plain bytes');
      this.#dialect = 'plain';
      this.#outgoing.keepNothing();
      this.#surbs.peerKeeps(RUST_SURB_RESERVE);
    }
    if (this.#incoming.insertPlain(message)) this.#started = true;
    if (this.#dialect !== 'frames') return true;
    this.#acknowledge();
    // Before the first answer, every message brings a SURB.
    const current = this.#routes.peerCame(0) !== 'old';
    if (current && this.#routes.surbsCame()) this.#sendAllAgain();
    return current;
  }

  #receiveFrames(message: ProxiedMessage): boolean {
    this.#dialect = 'frames';
    this.#started = true;
    const frames = decodeFrames(message.body);
    const came = this.#routes.peerCame(counterOf(frames));
    let news = came === 'newer';
    for (const frame of frames) {
      news = this.#receiveFrame(frame) || news;
      if (this.#outcome !== undefined) return came !== 'old';
    }
    this.#liveness?.heard(this.#now, news);
    const bringsSurbs = came !== 'old' && frames.some(({ type }) => type === 'ping' || type === 'open');
    const speaksAgain = bringsSurbs && this.#routes.surbsCame();
    // Another client of the acceptor's has none of the SURBs that the one before had.
    if (came === 'newer') this.#surbs?.lost();
    const heardAgain = this.#routes.answered();
    if (came === 'newer' || speaksAgain || heardAgain) this.#sendAllAgain();
    return came !== 'old';
  }

  /** Tells whether the peer had anything to say but that it is there. */
  #receiveFrame(frame: Frame): boolean {
    switch (frame.type) {
      case 'open':
      case 'opened':
        this.#outgoing.grant(frame.window);
        return true;
      case 'data':
        this.#incoming.insert(frame.offset, frame.bytes);
        this.#acknowledge();
        return true;
      case 'fin':
        this.#incoming.finish(frame.offset);
        this.#acknowledge();
        return true;
      case 'ack':
        return this.#acknowledged(frame.offset, frame.window);
      case 'reset':
        this.#end({ kind: 'reset', error: new SessionError(frame.code, 'peer') });
        return true;
      case 'ping':
        this.#pong = frame.value;
        this.#acks.soon(this.#now);
        return false;
      case 'pong':
        this.#leaveAnswered ||= this.#leave !== undefined && frame.value >= this.#leave;
        return false;
      case 'route':
        return false;
    }
  }

  /** Only data, its end and PING are answered, never an acknowledgement: two idle ends would go on for ever. */
  #acknowledge(): void {
    if (this.#incoming.complete) this.#acks.soon(this.#now);
    else this.#acks.inPause(this.#now);
  }

  #acknowledged(offset: number, window: number): boolean {
    this.#outgoing.grant(offset + window);
    if (!this.#outgoing.acknowledge(offset)) return false;
    this.#resend.progress(this.#now, this.#outgoing.outstanding);
    const missingFrom = this.#askedUpTo;
    this.#askedUpTo = undefined;
    // The peer had nothing behind what it was sent again.
    if (offset === missingFrom && this.#outgoing.outstanding) this.#outgoing.sendAgain();
    return true;
  }

  /** After the end: a peer that did not hear of it is told; one that did says so. */
  #answerLate(message: ProxiedMessage): void {
    const { epitaph } = this;
    if (message.kind !== 'frames' || epitaph === undefined || this.#surbs === undefined) return;
    const frames = lateFrames(message);
    for (const frame of frames) if (frame.type === 'pong') this.#receiveFrame(frame);
    if (frames.some(({ type }) => type === 'data' || type === 'fin' || type === 'ping'))
      this.#lastWords.push(this.#packer.packLast('frames', encodeFrames([epitaph])));
  }

  // Sending.

  #pollFrames(): OutgoingMessage | undefined {
    const isOpener = this.#surbs !== undefined;
    const probing = this.#isDue(this.#probeAt());
    if (this.#routes.announcing && !probing) return undefined;
    if (this.#routes.announcing || this.#isDue(this.#resend.deadline)) this.#sendFirstAgain();
    const leaving = isOpener && this.#mayLeave && this.#leave === undefined;
    const dueSurbs = probing ? Math.max(PROBE_SURBS, this.#dueSurbs()) : this.#dueSurbs();
    const sendable = this.#outgoing.sendable();
    const stream = sendable > 0 || this.#outgoing.mayFinish;
    const timely = this.#isDue(this.#greetAt) || this.#isDue(this.#acks.at);
    if (!(stream || timely || probing || leaving || dueSurbs > 0)) return undefined;

    const frames: Frame[] = [];
    if (this.#routes.counter > 0) frames.push({ type: 'route', counter: this.#routes.counter });
    // An opener repeats itself until it is heard, since any of its messages may arrive first.
    const greeting = this.#greetAt !== undefined || this.#heardAt === undefined;
    if (greeting) frames.push(this.#greeting());
    if (this.#acks.at !== undefined || probing || leaving || !stream) {
      frames.push({ type: 'ack', ...this.#incoming.acknowledge() });
    }
    if (this.#pong !== undefined) frames.push({ type: 'pong', value: this.#pong });
    if (probing || leaving) frames.push({ type: 'ping', value: (this.#pings += 1) });
    this.#greetAt = undefined;
    this.#pong = undefined;
    this.#acks.sent();
    if (leaving) this.#leave = this.#pings;

    const plan = this.#packer.plan(leaving ? Math.max(dueSurbs, 1) : dueSurbs);
    const room = frames.reduce((left, frame) => left - encodedBytes(frame), plan.room);
    const carried = this.#pushStream(frames, sendable, room);
    if (carried || greeting) this.#liveness?.sent(this.#now);
    if (probing) this.#liveness?.probed(this.#now);
    return this.#pack('frames', encodeFrames(frames), plan);
  }

  /** Adds what fits of the stream; tells whether anything did. */
  #pushStream(frames: Frame[], sendable: number, room: number): boolean {
    const before = frames.length;
    const overhead = dataFrameOverhead(this.#outgoing.next, room);
    const length = Math.max(0, Math.min(sendable, room - overhead));
    if (length > 0) {
      const offset = this.#outgoing.next;
      frames.push({ type: 'data', offset, bytes: this.#takeOut(length) });
    }
    if (this.#outgoing.mayFinish && room - length - overhead >= FIN_BYTES) {
      frames.push({ type: 'fin', offset: this.#outgoing.sent });
      this.#finSent();
    }
    return frames.length > before;
  }

  #takeOut(length: number): Uint8Array {
    if (length > 0) {
      this.#askedAt ??= this.#now;
      this.#resend.sent(this.#now);
    }
    return this.#outgoing.take(length);
  }

  #finSent(): void {
    this.#outgoing.finSent(this.#now);
    this.#resend.sent(this.#now);
  }

  #sendAllAgain(): void {
    this.#outgoing.sendAgain();
    this.#askedUpTo = undefined;
    this.#resend.progress(this.#now, this.#outgoing.outstanding);
    this.#acks.soon(this.#now);
  }

  /** Asks whether what was sent is missing, with one message of it. */
  #sendFirstAgain(): void {
    this.#resend.tried(this.#now);
    this.#askedUpTo = this.#outgoing.sendAgain(RESEND_BYTES);
  }

  /** When an opener asks whether the peer is there. Having taken its leave, it does not care any more. */
  #probeAt(): number | undefined {
    if (this.#liveness === undefined || this.#liveness.exhausted || this.#leave !== undefined)
      return undefined;
    return this.#liveness.deadline;
  }

  #dueSurbs(): number {
    if (this.#surbs === undefined) return 0;
    // A peer that has finished needs them for acknowledgements only, one at a time.
    return this.#incoming.complete && this.#surbs.estimate > 0 ? 0 : this.#surbs.needed();
  }

  #greeting(): Frame {
    const type = this.#surbs === undefined ? 'opened' : 'open';
    return { type, version: SESSION_PROTOCOL_VERSION, window: this.#incoming.limit };
  }

  #pollPlain(): OutgoingMessage | undefined {
    if (this.#pausedUntil !== undefined && this.#now < this.#pausedUntil) return undefined;
    this.#pausedUntil = undefined;

    // Behind Close a Rust server expects nothing more; its official client asks for SURBs by itself.
    const dueSurbs = this.#outgoing.finSentAt === undefined ? this.#duePlainSurbs() : 0;
    const plan = this.#packer.plan(dueSurbs);
    const unknown = this.#dialect === 'unknown';
    const limit = unknown ? this.#firstAnswer.limit(this.#now) : Number.MAX_SAFE_INTEGER;
    const sendable = this.#outgoing.sendable(limit);
    const topUp = dueSurbs > 0 && this.#firstAnswer.askedAt !== undefined;
    if (sendable > 0 || topUp || this.#isDue(this.#greetAt)) {
      return this.#pack('data', this.#takeOut(Math.min(sendable, plan.room)), plan);
    }
    if (!this.#outgoing.mayFinish) return undefined;
    this.#finSent();
    return this.#pack('close', EMPTY, plan);
  }

  #duePlainSurbs(): number {
    if (this.#isDue(this.#topUpAt())) return Math.max(SILENCE_TOP_UP_SURBS, this.#surbs?.needed() ?? 0);
    return this.#dueSurbs();
  }

  #topUpAt(): number | undefined {
    const mayCarry = this.#dialect === 'unknown' && this.#outgoing.finSentAt === undefined;
    return mayCarry ? this.#firstAnswer.topUpAt : undefined;
  }

  /** When an unknown peer is granted more; only of interest while bytes wait for that. */
  #nextStageAt(): number | undefined {
    const waits = this.#dialect === 'unknown' && this.#outgoing.unsent > 0;
    return waits ? this.#firstAnswer.nextStageAt(this.#now) : undefined;
  }

  #pack(kind: ProxiedMessageKind, body: Uint8Array, plan: MessagePlan): OutgoingMessage {
    this.#firstAnswer.sent(this.#now);
    this.#greetAt = undefined;
    const message = this.#packer.pack(kind, body, plan);
    if (this.#surbs === undefined && this.#dialect === 'plain') {
      this.#pausedUntil = this.#now + replyPackets(message.payload.length) * PLAIN_REPLY_PACKET_MS;
    }
    return message;
  }

  // Ending.

  /** An unknown peer is told both ways: ours resets, a Rust server skips the frame and closes. */
  #tellReset(): void {
    if (this.#outcome?.kind !== 'reset') return;
    const { by, code } = this.#outcome.error;
    if (by === 'peer' || code === 'lost') return;
    if (this.#surbs !== undefined && this.#firstAnswer.askedAt === undefined) return;
    if (this.#dialect !== 'plain') {
      this.#lastWords.push(this.#packer.packLast('frames', encodeFrames([{ type: 'reset', code }])));
    }
    if (this.#dialect !== 'frames' && this.#outgoing.finSentAt === undefined) {
      this.#lastWords.push(this.#packer.packLast('close', EMPTY));
    }
  }

  #end(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#outgoing.clear();
  }

  /** Notices that everything is done, or that the peer has been silent for too long. */
  #settle(): void {
    if (this.#outcome !== undefined) return;
    if (this.#isDone()) this.#end({ kind: 'done' });
    else if (this.#isDue(this.#giveUpAt())) this.#giveUpWaiting();
  }

  #isDone(): boolean {
    if (this.#outgoing.finSentAt === undefined || !this.#incoming.exhausted) return false;
    if (this.#dialect !== 'frames') return true;
    if (this.#surbs !== undefined) return this.#leave !== undefined;
    // What it cannot say now, its epitaph tells an opener that asks.
    return this.#outgoing.finAcknowledged && (this.#acks.at === undefined || this.#routes.blocked);
  }

  /** Whether an opener has all of the peer's bytes and the peer all of its: it says so, and is told that it was heard. */
  get #mayLeave(): boolean {
    return this.#outgoing.finAcknowledged && this.#incoming.complete;
  }

  /** When to stop waiting, for a mixnet client or for the peer. */
  #giveUpAt(): number | undefined {
    const isOpener = this.#surbs !== undefined;
    const { lostAt } = this.#routes;
    if (isOpener && lostAt !== undefined) return lostAt + ROUTE_LIMIT_MS;
    if (this.#dialect !== 'frames') return this.#plainSilenceAt(isOpener);
    return earliest([this.#framesSilenceAt(isOpener), this.#refusalAt()]);
  }

  /** The peer takes nothing although it is there. */
  #refusalAt(): number | undefined {
    const waits = this.#routes.blocked || this.#routes.announcing;
    return !waits && this.#resend.exhausted ? this.#resend.deadline : undefined;
  }

  #framesSilenceAt(isOpener: boolean): number | undefined {
    // Who has everything, and whose peer has, waits for its reader only.
    if (this.#mayLeave) return undefined;
    if (!isOpener) return (this.#heardAt ?? this.#createdAt) + ACCEPTOR_SILENCE_MS;
    if (this.#heardAt === undefined) return this.#firstAnswer.timeout;
    const forgottenAt = this.#heardAt + FORGOTTEN_MS;
    return this.#liveness?.exhausted === true ? Math.min(this.#liveness.deadline, forgottenAt) : forgottenAt;
  }

  /**
   * In the Rust way: an opener that never got an answer; an acceptor that never got the first message; an end that sent
   * Close and, since then, heard nothing. An acceptor that has everything waits for nobody but its reader.
   */
  #plainSilenceAt(isOpener: boolean): number | undefined {
    const { closeTimeoutMs } = this.#options;
    const { finSentAt } = this.#outgoing;
    if (!isOpener && this.#incoming.complete) return undefined;
    if (finSentAt !== undefined) return Math.max(finSentAt, this.#heardAt ?? finSentAt) + closeTimeoutMs;
    if (isOpener) return this.#heardAt === undefined ? this.#firstAnswer.timeout : undefined;
    return this.#started ? undefined : this.#createdAt + closeTimeoutMs;
  }

  /**
   * A Rust server never says that it is done, so there silence is taken for it. Everywhere else, and while a message is
   * missing, it means that bytes may be lost.
   */
  #giveUpWaiting(): void {
    const { lostAt, lostCause } = this.#routes;
    if (lostAt !== undefined) {
      this.reset(new SessionError('lost', 'us', undefined, { cause: lostCause }));
      return;
    }
    const rustServer = this.#surbs !== undefined && this.#dialect === 'plain';
    if (rustServer && !this.#incoming.hasGap) this.#end({ kind: 'done' });
    else this.reset(new SessionError('timeout', 'us', 'the peer did not answer in time'));
  }

  #isDue(deadline: number | undefined): boolean {
    return deadline !== undefined && this.#now >= deadline;
  }
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((first, at) => (at === undefined ? first : Math.min(first ?? at, at)), undefined);
}

function counterOf(frames: readonly Frame[]): number {
  return frames.reduce(
    (highest, frame) => (frame.type === 'route' ? Math.max(highest, frame.counter) : highest),
    0,
  );
}

/** What is malformed and comes too late changes nothing. */
function lateFrames(message: ProxiedMessage): readonly Frame[] {
  try {
    return decodeFrames(message.body);
  } catch {
    return [];
  }
}
