import type { OpenRequest } from '../wire/open-request.js';
import { replyPackets } from '../wire/packet-count.js';
import type { ProxiedMessageKind } from '../wire/proxied-message.js';
import { sessionProtocolVersion, type SessionId } from '../wire/session-id.js';
import { FirstAnswer } from './first-answer.js';
import { IncomingStream } from './incoming-stream.js';
import { INITIAL_BULK_WINDOW, INITIAL_WINDOW } from './limits.js';
import { MessagePacker, type OutgoingMessage } from './message-packer.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { ReplyStock } from './reply-stock.js';
import { ResendTimer } from './resend-timer.js';
import { Routes } from './routes.js';
import type { SurbStock } from './surb-stock.js';

/** How this end talks: in the Rust way, in frames, or in the Rust way until the first answer tells. */
export type Dialect = 'unknown' | 'plain' | 'frames';

/** What the engine needs to know of its session. */
export interface EngineOptions {
  readonly sessionId: SessionId;
  /** The SURBs given to the acceptor, at the opener; `undefined` at the acceptor, which replies. */
  readonly surbs: SurbStock | undefined;
  /** Whether the mixnet client uses extended packets; not unless given. */
  readonly extendedPackets?: boolean | undefined;
  /** Called when there may be more to send because other sessions' messages have brought SURBs. */
  readonly wake?: (() => void) | undefined;
  /** Lets an opener start with an OPEN frame, for a peer that is known to speak frames. */
  readonly startWithFrames?: boolean;
  /** What the OPEN of such an opener asks for. */
  readonly request?: OpenRequest | undefined;
  /** Drawn anew whenever a session is accepted; tells openers of a restart. */
  readonly instance?: number | undefined;
  /** Silence after which an end that has sent everything stops waiting for a peer in the Rust way. */
  readonly closeTimeoutMs: number;
  /** Now, in milliseconds of a clock that does not go back; the same clock as in every other call. */
  readonly now: number;
}

/** What an end knows of its session, whatever way it talks. */
export class SessionState {
  readonly createdAt: number;
  readonly closeTimeoutMs: number;
  readonly isOpener: boolean;
  readonly extendedPackets: boolean;
  readonly wake: () => void;
  /** What an opener asks for in OPEN. */
  readonly request: OpenRequest | undefined;
  /** An acceptor's own; at an opener, that of the acceptor that answered first. */
  instance: number | undefined;
  readonly outgoing = new OutgoingStream();
  readonly incoming: IncomingStream;
  readonly packer: MessagePacker;
  readonly routes = new Routes();
  readonly firstAnswer = new FirstAnswer();
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

  constructor(options: EngineOptions) {
    const { sessionId, surbs, startWithFrames = false, closeTimeoutMs, now } = options;
    const framesAnnounced = sessionProtocolVersion(sessionId) > 0;
    this.createdAt = now;
    this.now = now;
    this.closeTimeoutMs = closeTimeoutMs;
    this.surbs = surbs;
    this.isOpener = surbs !== undefined;
    this.request = options.request;
    this.instance = options.instance;
    this.extendedPackets = options.extendedPackets ?? false;
    this.wake = options.wake ?? (() => undefined);
    this.packer = new MessagePacker(sessionId, surbs, this.extendedPackets);
    const window = this.extendedPackets ? INITIAL_BULK_WINDOW : INITIAL_WINDOW;
    this.incoming = new IncomingStream(this.isOpener || framesAnnounced ? 0 : 1, window);
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
    if (this.surbs === undefined) return 0;
    // A peer that has finished needs them for acknowledgements only, one at a time.
    return this.incoming.complete && this.surbs.estimate > 0 ? 0 : this.surbs.needed();
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

  pack(kind: ProxiedMessageKind, body: Uint8Array, surbs: number): OutgoingMessage {
    this.firstAnswer.sent(this.now);
    this.greetAt = undefined;
    return this.packer.pack(kind, body, surbs);
  }

  /** Says how many SURBs an acceptor has use for now. */
  wantSurbs(): void {
    // Those behind the window too: it is open again before more SURBs could come.
    const bytes = this.outgoing.unsent;
    this.replies?.want(this, bytes, bytes === 0 ? 0 : replyPackets(bytes, this.extendedPackets));
  }
}

/** The first of some times; `undefined` if there is none. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((first, at) => (at === undefined ? first : Math.min(first ?? at, at)), undefined);
}
