import { dataFrameOverhead, decodeFrames, encodedBytes, encodeFrames, type Frame } from '../wire/frame.js';
import { replyPackets } from '../wire/packet-count.js';
import { type ProxiedMessage, type ProxiedMessageKind } from '../wire/proxied-message.js';
import type { OpenRequest } from '../wire/open-request.js';
import type { ResetCode } from '../wire/reset-code.js';
import { SESSION_PROTOCOL_VERSION, sessionProtocolVersion, type SessionId } from '../wire/session-id.js';
import { protocolError, SessionError, violation } from './errors.js';
import { IncomingStream } from './incoming-stream.js';
import {
  ACK_DELAY_MS,
  ANSWER_TIMEOUT_MS,
  OPEN_DELAY_MS,
  PLAIN_REPLY_PACKET_MS,
  PROBE_STAGES,
  RUST_SURB_RESERVE,
  SILENCE_TOP_UP_SURBS,
} from './limits.js';
import { MessagePacker, type MessagePlan, type OutgoingMessage } from './message-packer.js';
import { OutgoingStream } from './outgoing-stream.js';
import { SilenceTopUp } from './silence-top-up.js';
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
  /** What the OPEN of such an opener asks for. */
  readonly request?: OpenRequest | undefined;
  /** Silence after which an end that has sent everything stops waiting for the peer. */
  readonly closeTimeoutMs: number;
  /** Now, in milliseconds of a clock that does not go back; the same clock as in every other call. */
  readonly now: number;
}

/**
 * How a session ended: reset, or done. Done means that this end has all of the peer's bytes, and that the peer has all
 * of this end's if it acknowledged them; an acceptor, and who talks the Rust way, only know that they are sent.
 */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'reset'; readonly error: SessionError };

/**
 * One end of one session, without any input or output of its own: messages, bytes and times go in, messages and bytes
 * come out. It opens, orders, windows, half-closes and resets; `session.ts` drives it.
 *
 * An opener does not know its peer. It starts in the Rust way, with plain bytes; an acceptor of ours sees from the
 * session id that it speaks frames and answers in frames, and from then on both do. Offsets count the plain bytes
 * too, so nothing is lost at the change.
 */
export class SessionEngine {
  readonly #options: EngineOptions;
  readonly #createdAt: number;
  #now: number;
  #dialect: Dialect;
  #outcome: Outcome | undefined;

  // Sending.
  readonly #outgoing = new OutgoingStream();
  readonly #packer: MessagePacker;
  readonly #lastWords: OutgoingMessage[] = [];
  #firstSentAt: number | undefined;
  readonly #silence = new SilenceTopUp();
  #pausedUntil: number | undefined;
  /** When the first bytes were sent that the peer has not answered. */
  #askedAt: number | undefined;
  #answerMs: number | undefined;
  #firstAnswerMs: number | undefined;

  // Receiving.
  readonly #incoming: IncomingStream;
  #heardAt: number | undefined;
  /** Whether the peer's first message has arrived, not only later ones. */
  #started = false;

  /** When the greeting (OPEN, OPENED, or an opener's first plain message) goes out even without data. */
  #greetAt: number | undefined;
  /** When an acknowledgement goes out even without data. */
  #ackAt: number | undefined;

  constructor(options: EngineOptions) {
    const { sessionId, surbs, startWithFrames = false, now } = options;
    const framesAnnounced = sessionProtocolVersion(sessionId) > 0;
    this.#options = options;
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
    }
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

  /** How long the peer's first answer took. */
  get firstAnswerMs(): number | undefined {
    return this.#firstAnswerMs;
  }

  /** Whether the peer's stream has been read to its end. */
  get readToEnd(): boolean {
    return this.#incoming.exhausted || (this.#outcome?.kind === 'done' && this.#incoming.unread === 0);
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
    if (error.by === 'us' && error.code !== 'lost') this.#tellReset(error.code);
  }

  /** Takes the next bytes of the peer's stream; `undefined` if there are none now. */
  take(now: number): Uint8Array | undefined {
    this.#now = now;
    const chunk = this.#incoming.take();
    if (chunk === undefined) return undefined;
    if (this.#dialect === 'frames' && this.#incoming.windowDue) this.#acknowledgeSoon();
    this.#settle();
    return chunk;
  }

  /** Takes in a message of this session. Whatever is in it, only this session can suffer. */
  receive(message: ProxiedMessage, now: number): void {
    if (this.#outcome !== undefined) return;
    this.#now = now;
    this.#heardAt = now;
    this.#silence.heard(now);
    this.#packer.answered();
    this.#noteAnswer();
    try {
      if (message.kind === 'frames') this.#receiveFrames(message);
      else this.#receivePlain(message);
    } catch (error) {
      this.reset(violation(error));
    }
    this.#settle();
  }

  /** The next message to hand to the mixnet client; `undefined` if there is none now. */
  poll(now: number): OutgoingMessage | undefined {
    this.#now = now;
    this.#settle();
    const last = this.#lastWords.shift();
    if (last !== undefined) return last;
    if (this.#outcome !== undefined) return undefined;
    const sentBefore = this.#outgoing.sent;
    const message = this.#dialect === 'frames' ? this.#pollFrames() : this.#pollPlain();
    if (this.#outgoing.sent > sentBefore) this.#askedAt ??= now;
    this.#settle();
    return message;
  }

  /** When to call {@link poll} again even if nothing happens until then; `undefined` for never. */
  get deadline(): number | undefined {
    if (this.#outcome !== undefined) return undefined;
    const deadlines = [
      this.#greetAt,
      this.#ackAt,
      this.#pausedUntil,
      this.#probeDeadline(),
      this.#topUpDeadline(),
      this.#silenceDeadline(),
    ];
    return deadlines.reduce((first, at) => (at === undefined ? first : Math.min(first ?? at, at)), undefined);
  }

  // Receiving.

  #noteAnswer(): void {
    if (this.#askedAt === undefined) return;
    this.#answerMs = this.#now - this.#askedAt;
    this.#firstAnswerMs ??= this.#answerMs;
    this.#askedAt = undefined;
  }

  #receivePlain(message: ProxiedMessage): void {
    const { surbs } = this.#options;
    if (surbs !== undefined && this.#dialect !== 'plain') {
      if (this.#dialect === 'frames') throw protocolError('the peer went back from frames to plain bytes');
      this.#dialect = 'plain';
      surbs.peerKeeps(RUST_SURB_RESERVE);
    }
    if (this.#incoming.insertPlain(message)) this.#started = true;
    if (this.#dialect === 'frames') this.#acknowledgeEnd();
  }

  #receiveFrames(message: ProxiedMessage): void {
    this.#dialect = 'frames';
    this.#started = true;
    for (const frame of decodeFrames(message.body)) {
      this.#receiveFrame(frame);
      if (this.#outcome !== undefined) return;
    }
  }

  #receiveFrame(frame: Frame): void {
    switch (frame.type) {
      case 'open':
      case 'opened':
        this.#outgoing.grant(frame.window);
        return;
      case 'data':
        this.#incoming.insert(frame.offset, frame.bytes);
        this.#acknowledgeEnd();
        return;
      case 'fin':
        this.#incoming.finish(frame.offset);
        this.#acknowledgeEnd();
        return;
      case 'ack':
        this.#outgoing.acknowledge(frame.offset);
        this.#outgoing.grant(frame.offset + frame.window);
        return;
      case 'reset':
        this.#end({ kind: 'reset', error: new SessionError(frame.code, 'peer') });
    }
  }

  /** Only data and its end are acknowledged, never an acknowledgement: two idle ends would go on for ever. */
  #acknowledgeEnd(): void {
    if (this.#incoming.complete) this.#acknowledgeSoon();
  }

  #acknowledgeSoon(): void {
    this.#ackAt ??= this.#now + ACK_DELAY_MS;
  }

  // Sending.

  #pollFrames(): OutgoingMessage | undefined {
    const dueSurbs = this.#dueSurbs();
    const sendable = this.#outgoing.sendable();
    const due = sendable > 0 || this.#outgoing.mayFinish || dueSurbs > 0;
    if (!due && !this.#isDue(this.#greetAt) && !this.#isDue(this.#ackAt)) return undefined;

    const frames: Frame[] = [];
    // An opener repeats itself until it is heard, since any of its messages may arrive first.
    if (this.#greetAt !== undefined || this.#heardAt === undefined) frames.push(this.#greeting());
    if (this.#ackAt !== undefined || (sendable === 0 && !this.#outgoing.mayFinish))
      frames.push({ type: 'ack', ...this.#incoming.acknowledge() });
    this.#greetAt = undefined;
    this.#ackAt = undefined;

    const plan = this.#packer.plan(dueSurbs);
    const room = frames.reduce((left, frame) => left - encodedBytes(frame), plan.room);
    const length = Math.max(0, Math.min(sendable, room - dataFrameOverhead(this.#outgoing.sent, room)));
    if (length > 0) {
      const offset = this.#outgoing.sent;
      frames.push({ type: 'data', offset, bytes: this.#outgoing.take(length) });
    }
    const left = room - length - dataFrameOverhead(this.#outgoing.sent, room);
    if (this.#outgoing.mayFinish && left >= FIN_BYTES) {
      frames.push({ type: 'fin', offset: this.#outgoing.sent });
      this.#outgoing.finSent(this.#now);
    }
    return this.#pack('frames', encodeFrames(frames), plan);
  }

  #dueSurbs(): number {
    const { surbs } = this.#options;
    if (surbs === undefined) return 0;
    if (this.#isDue(this.#topUpDeadline())) return Math.max(SILENCE_TOP_UP_SURBS, surbs.needed());
    // A peer that has finished needs them for acknowledgements only, one at a time.
    return this.#incoming.complete && surbs.estimate > 0 ? 0 : surbs.needed();
  }

  #topUpDeadline(): number | undefined {
    const { unsent, finSentAt, finAcknowledged } = this.#outgoing;
    const mayCarry = this.#dialect === 'frames' || (this.#dialect === 'unknown' && finSentAt === undefined);
    const expecting = !this.#incoming.complete || unsent > 0 || (finSentAt !== undefined && !finAcknowledged);
    const isOpener = this.#options.surbs !== undefined && this.#firstSentAt !== undefined;
    return isOpener && mayCarry && expecting ? this.#silence.deadline : undefined;
  }

  #greeting(): Frame {
    const { surbs, request } = this.#options;
    const common = { version: SESSION_PROTOCOL_VERSION, window: this.#incoming.limit };
    if (surbs === undefined) return { type: 'opened', ...common };
    return { type: 'open', ...common, ...(request && { request }) };
  }

  #pollPlain(): OutgoingMessage | undefined {
    if (this.#pausedUntil !== undefined && this.#now < this.#pausedUntil) return undefined;
    this.#pausedUntil = undefined;

    // Behind Close a Rust server expects nothing more; its official client asks for SURBs by itself.
    const dueSurbs = this.#outgoing.finSentAt === undefined ? this.#dueSurbs() : 0;
    const plan = this.#packer.plan(dueSurbs);
    const sendable = this.#outgoing.sendable(this.#plainLimit());
    const topUp = dueSurbs > 0 && this.#firstSentAt !== undefined;
    if (sendable > 0 || topUp || this.#isDue(this.#greetAt)) {
      return this.#pack('data', this.#outgoing.take(Math.min(sendable, plan.room)), plan);
    }
    if (!this.#outgoing.mayFinish) return undefined;
    this.#outgoing.finSent(this.#now);
    return this.#pack('close', EMPTY, plan);
  }

  #plainLimit(): number {
    if (this.#dialect !== 'unknown') return Number.MAX_SAFE_INTEGER;
    return this.#probeStage()?.bytes ?? Number.MAX_SAFE_INTEGER;
  }

  #pack(kind: ProxiedMessageKind, body: Uint8Array, plan: MessagePlan): OutgoingMessage {
    this.#firstSentAt ??= this.#now;
    this.#silence.sent(this.#now);
    this.#greetAt = undefined;
    const message = this.#packer.pack(kind, body, plan);
    if (this.#options.surbs === undefined && this.#dialect === 'plain') {
      this.#pausedUntil = this.#now + replyPackets(message.payload.length) * PLAIN_REPLY_PACKET_MS;
    }
    return message;
  }

  // Ending.

  /** An unknown peer is told both ways: ours resets, a Rust server skips the frame and closes. */
  #tellReset(code: ResetCode): void {
    const isOpener = this.#options.surbs !== undefined;
    if (isOpener && this.#firstSentAt === undefined) return;
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
    else if (this.#isDue(this.#silenceDeadline())) this.#giveUpWaiting();
  }

  #isDone(): boolean {
    if (this.#outgoing.finSentAt === undefined || !this.#incoming.exhausted) return false;
    if (this.#dialect !== 'frames') return true;
    return this.#options.surbs === undefined ? this.#ackAt === undefined : this.#outgoing.finAcknowledged;
  }

  /**
   * Silence that ends the session: an opener that never got an answer; an acceptor that never got the first message;
   * an end that sent FIN or Close and, since then, heard nothing. Who acknowledged our FIN may take as long as it
   * likes to send its own, and an acceptor that has everything waits for nobody but its reader.
   */
  #silenceDeadline(): number | undefined {
    const { surbs, closeTimeoutMs } = this.#options;
    const { finSentAt, finAcknowledged } = this.#outgoing;
    if (surbs === undefined && this.#incoming.complete) return undefined;
    if (finSentAt !== undefined && !finAcknowledged) {
      return Math.max(finSentAt, this.#heardAt ?? finSentAt) + closeTimeoutMs;
    }
    if (surbs === undefined) return this.#started ? undefined : this.#createdAt + closeTimeoutMs;
    if (this.#heardAt !== undefined || this.#firstSentAt === undefined) return undefined;
    return this.#firstSentAt + ANSWER_TIMEOUT_MS;
  }

  /**
   * A Rust server never says that it is done, so there silence is taken for it. Everywhere else, and while a message is
   * missing, it means that bytes may be lost.
   */
  #giveUpWaiting(): void {
    const rustServer = this.#options.surbs !== undefined && this.#dialect === 'plain';
    if (rustServer && !this.#incoming.hasGap) this.#end({ kind: 'done' });
    else this.reset(new SessionError('timeout', 'us', 'the peer did not answer in time'));
  }

  #probeStage(): (typeof PROBE_STAGES)[number] | undefined {
    const silentMs = this.#now - (this.#firstSentAt ?? this.#now);
    return PROBE_STAGES.find(({ untilMs }) => silentMs < untilMs);
  }

  /** When an unknown peer is granted more; only of interest while bytes wait for that. */
  #probeDeadline(): number | undefined {
    if (this.#dialect !== 'unknown' || this.#firstSentAt === undefined || this.#outgoing.unsent === 0)
      return undefined;
    const stage = this.#probeStage();
    return stage === undefined ? undefined : this.#firstSentAt + stage.untilMs;
  }

  #isDue(deadline: number | undefined): boolean {
    return deadline !== undefined && this.#now >= deadline;
  }
}
