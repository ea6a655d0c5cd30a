import type { OpenRequest } from '../wire/open-request.js';
import { encodedBytes, encodeFrames, type Frame } from '../wire/frame.js';
import { replyPackets } from '../wire/packet-count.js';
import { SESSION_PROTOCOL_VERSION, type SessionId } from '../wire/session-id.js';
import type { Envelope, SessionMessage } from './envelope.js';
import { FirstAnswer } from './first-answer.js';
import { IncomingStream } from './incoming-stream.js';
import { INITIAL_BULK_WINDOW, INITIAL_WINDOW, LANE_SEND_BUFFER, SEND_BUFFER } from './limits.js';
import { SUPPLY_BYTES } from './message-budget.js';
import { MessagePacker, type MessagePlan, type OutgoingMessage, type PackedKind } from './message-packer.js';
import { OutgoingStream } from './outgoing-stream.js';
import { PROXY_ENVELOPE } from './proxy-envelope.js';
import type { ReplyStock } from './reply-stock.js';
import { ResendTimer } from './resend-timer.js';
import { Routes } from './routes.js';
import type { SurbStock } from './surb-stock.js';

/** How this end talks: in the Rust way, in frames, or in the Rust way until the first answer tells. */
export type Dialect = 'unknown' | 'plain' | 'frames';

/** What the engine needs to know of its session. */
export interface EngineOptions {
  readonly sessionId: SessionId;
  /** How its messages travel; those of the TCP proxy unless given. */
  readonly envelope?: Envelope | undefined;
  /** The message that opened the session, at an acceptor. */
  readonly first?: SessionMessage | undefined;
  /** The SURBs given to the acceptor, at the opener; `undefined` at the acceptor, which replies. */
  readonly surbs: SurbStock | undefined;
  /** Whether the mixnet client uses extended packets; not unless given. */
  readonly extendedPackets?: boolean | undefined;
  /** Called when there may be more to send because other sessions' messages have brought SURBs. */
  readonly wake?: (() => void) | undefined;
  /** Lets an opener start with an OPEN frame, for a peer that is known to speak frames. */
  readonly startWithFrames?: boolean;
  /** What the session's OPEN asks for. */
  readonly request?: OpenRequest | undefined;
  /** Drawn anew whenever a session is accepted; tells openers of a restart. */
  readonly instance?: number | undefined;
  /** Silence after which an end that has sent everything stops waiting for a peer in the Rust way. */
  readonly closeTimeoutMs: number;
  /** Time in which nothing is carried, after which the session is given up; never unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /** Now, in milliseconds of a clock that does not go back; the same clock as in every other call. */
  readonly now: number;
}

/** What an end knows of its session, whatever way it talks. */
export class SessionState {
  readonly createdAt: number;
  readonly closeTimeoutMs: number;
  readonly idleTimeoutMs: number | undefined;
  readonly envelope: Envelope;
  readonly isOpener: boolean;
  /** Of the session protocol: at an opener the highest that it speaks, at an acceptor the one that the session is in. */
  readonly version: number;
  readonly extendedPackets: boolean;
  readonly wake: () => void;
  /** What is asked for in OPEN. */
  readonly request: OpenRequest | undefined;
  /** Bytes that the application may hand over ahead of what has been sent. */
  readonly sendBuffer: number;
  /** An acceptor's own; at an opener, that of the acceptor that answered first. */
  instance: number | undefined;
  readonly outgoing = new OutgoingStream();
  readonly incoming: IncomingStream;
  readonly packer: MessagePacker;
  readonly routes = new Routes();
  readonly firstAnswer: FirstAnswer;
  readonly resend = new ResendTimer();
  now: number;
  dialect: Dialect;
  surbs: SurbStock | undefined;
  /** The SURBs of the opener's current client, at an acceptor that is told of them. */
  replies: ReplyStock | undefined;
  /** When a message of the peer's last came. */
  heardAt: number | undefined;
  /** Whether the peer's first message has arrived, not only later ones. */
  started = false;
  /** When the greeting (OPEN, OPENED, or an opener's first plain message) goes out even without data. */
  greetAt: number | undefined;
  #answerMs: number | undefined;
  #firstAnswerMs: number | undefined;
  /** When the first bytes were sent that the peer has not answered. */
  #askedAt: number | undefined;
  #carried = 0;
  #carriedAt: number;

  constructor(options: EngineOptions) {
    const { sessionId, surbs, startWithFrames = false, closeTimeoutMs, now } = options;
    const { envelope = PROXY_ENVELOPE } = options;
    const announced = envelope.openersVersion(sessionId, options.first);
    const framesAnnounced = announced > 0;
    this.envelope = envelope;
    this.firstAnswer = new FirstAnswer(envelope.answerStages);
    this.idleTimeoutMs = options.idleTimeoutMs;
    this.#carriedAt = now;
    this.createdAt = now;
    this.now = now;
    this.closeTimeoutMs = closeTimeoutMs;
    this.surbs = surbs;
    this.isOpener = surbs !== undefined;
    this.version = this.isOpener ? announced : Math.min(announced, SESSION_PROTOCOL_VERSION);
    this.request = options.request;
    this.instance = options.instance;
    this.extendedPackets = options.extendedPackets ?? false;
    this.sendBuffer = options.request?.lane && !this.extendedPackets ? LANE_SEND_BUFFER : SEND_BUFFER;
    this.wake = options.wake ?? (() => undefined);
    this.packer = new MessagePacker(sessionId, envelope, surbs, this.extendedPackets);
    const { firstMessage, rustOpenersFirst, messageIds, hasOpen } = envelope;
    this.incoming = new IncomingStream(
      this.isOpener || framesAnnounced ? firstMessage : rustOpenersFirst,
      { messageIds, awaitsOpen: hasOpen && !this.isOpener },
      this.extendedPackets ? INITIAL_BULK_WINDOW : INITIAL_WINDOW,
    );
    if (this.isOpener) this.dialect = startWithFrames ? 'frames' : 'unknown';
    else this.dialect = framesAnnounced ? 'frames' : 'plain';
    if (this.dialect === 'plain') this.outgoing.keepNothing();
  }

  /** How long the peer's last answer took, from the first bytes sent to the next message from there. */
  get answerMs(): number | undefined {
    return this.#answerMs;
  }

  /** How long the peer's first answer took. */
  get firstAnswerMs(): number | undefined {
    return this.#firstAnswerMs;
  }

  /** When the session has been idle for too long. */
  get idleAt(): number | undefined {
    return this.idleTimeoutMs === undefined ? undefined : this.#carriedAt + this.idleTimeoutMs;
  }

  /** What an end says first in frames: OPEN or OPENED. */
  get greeting(): Frame {
    const common = { version: this.version, window: this.incoming.limit };
    if (!this.isOpener) return { type: 'opened', ...common };
    return { type: 'open', ...common, ...(this.request && { request: this.request }) };
  }

  /** Takes note of bytes that were carried since the last time. */
  noteCarried(): void {
    const carried = this.outgoing.sent + this.incoming.received;
    if (carried === this.#carried) return;
    this.#carried = carried;
    this.#carriedAt = this.now;
  }

  isDue(deadline: number | undefined): boolean {
    return deadline !== undefined && this.now >= deadline;
  }

  /** A message of the peer's has come. */
  heard(): void {
    this.heardAt = this.now;
    this.packer.answered();
    if (this.#askedAt === undefined) return;
    this.#answerMs = this.now - this.#askedAt;
    this.#firstAnswerMs ??= this.#answerMs;
    this.#askedAt = undefined;
  }

  /** SURBs that are worth a message of their own. */
  get dueSurbs(): number {
    return this.#mayNeedSurbs ? (this.surbs?.needed() ?? 0) : 0;
  }

  /** SURBs to go with a message of the stream. */
  get surbsBesideStream(): number {
    return this.#mayNeedSurbs ? (this.surbs?.besideStream() ?? 0) : 0;
  }

  /** A peer that has finished needs them for acknowledgements only, one at a time. */
  get #mayNeedSurbs(): boolean {
    return !this.incoming.complete || this.surbs?.estimate === 0;
  }

  /** Takes the next bytes to send. */
  takeOut(length: number): Uint8Array {
    if (length > 0) {
      this.#askedAt ??= this.now;
      this.resend.sent(this.now);
    }
    return this.outgoing.take(length);
  }

  /** The end of the stream goes out. */
  finSent(): void {
    this.outgoing.finSent(this.now);
    this.resend.sent(this.now);
  }

  pack(kind: PackedKind, body: Uint8Array, surbs: number): OutgoingMessage {
    this.firstAnswer.sent(this.now);
    this.greetAt = undefined;
    return this.packer.pack(kind, body, surbs);
  }

  /** Packs frames; an opener says with them how many SURBs it gives, an acceptor's spend some. */
  packFrames(frames: readonly Frame[], plan: MessagePlan): OutgoingMessage {
    if (this.surbs === undefined) {
      const message = this.pack('frames', encodeFrames(frames), 0);
      this.replies?.spent(replyPackets(message.payload.length, this.extendedPackets));
      this.wantSurbs();
      return message;
    }
    const bytes = frames.reduce((sum, frame) => sum + encodedBytes(frame), SUPPLY_BYTES);
    const here = this.packer.surbsWith(bytes, plan);
    const supply: Frame = { type: 'supply', total: this.surbs.given + here, here };
    return this.pack('frames', encodeFrames([supply, ...frames]), here);
  }

  /** Says how many SURBs an acceptor has use for now, which are `least` at least. */
  wantSurbs(least = 0): void {
    // Those behind the window too: it is open again before more SURBs could come.
    const bytes = this.outgoing.unsent;
    const packets = bytes === 0 ? 0 : replyPackets(bytes, this.extendedPackets);
    // Who fills the buffer will probably go on.
    this.replies?.want(this, Math.max(least, packets), bytes >= this.sendBuffer / 2);
  }
}

/** The first of some times; `undefined` if there is none. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((first, at) => (at === undefined ? first : Math.min(first ?? at, at)), undefined);
}
