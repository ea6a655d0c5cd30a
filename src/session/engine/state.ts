import type { OpenRequest } from '../../wire/open-request.js';
import type { ResetCode } from '../../wire/reset-code.js';
import { SESSION_PROTOCOL_VERSION, type SessionId } from '../../wire/session-id.js';
import { ReceiveStream } from '../bytes/receive-stream.js';
import { SendBuffer } from '../bytes/send-buffer.js';
import { PROXY_ENVELOPE, type Envelope, type SessionMessage } from '../envelope.js';
import type { SessionError } from '../errors.js';
import { INITIAL_BULK_WINDOW, INITIAL_WINDOW, LANE_SEND_BUFFER, SEND_BUFFER } from '../limits.js';
import type { SurbCredit } from '../surbs/surb-credit.js';
import type { SurbSupply } from '../surbs/surb-supply.js';
import { Paths } from './paths.js';
import { FirstAnswer, RetransmitTimer } from './timers.js';

/** How this end talks: in legacy mode, in frames, or in legacy mode until the first answer tells. */
export type Mode = 'unknown' | 'legacy' | 'frames';

/** What the engine needs to know of its session. */
export interface EngineOptions {
  readonly sessionId: SessionId;
  /** How its messages travel; those of the TCP proxy unless given. */
  readonly envelope?: Envelope | undefined;
  /** The message that opened the session, at an acceptor. */
  readonly first?: SessionMessage | undefined;
  /** The SURBs given to the acceptor, at the opener; `undefined` at the acceptor, which replies. */
  readonly supply: SurbSupply | undefined;
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
  /** Silence after which an end that has sent everything stops waiting for a peer in legacy mode. */
  readonly closeTimeoutMs: number;
  /** Time in which nothing is carried, after which the session is given up; never unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /** Now, in milliseconds of a clock that does not go back; the same clock as in every other call. */
  readonly now: number;
}

/** What this end resets its session with, and what it still sends before. */
export interface OwnReset {
  readonly code: ResetCode;
  /** Offset behind the last byte that the peer is to get; `undefined` if the session ends at once. */
  readonly finalOffset: number | undefined;
}

/** Per-session state that both modes share. */
export class SessionState {
  readonly createdAt: number;
  readonly closeTimeoutMs: number;
  readonly idleTimeoutMs: number | undefined;
  readonly sessionId: SessionId;
  readonly envelope: Envelope;
  readonly isOpener: boolean;
  /** Of the session protocol: at an opener the highest that it speaks, at an acceptor the one that the session is in. */
  readonly version: number;
  /** The version that both ends speak; `undefined` at an opener that has not been told. */
  negotiated: number | undefined;
  readonly extendedPackets: boolean;
  readonly wake: () => void;
  /** What is asked for in OPEN. */
  readonly request: OpenRequest | undefined;
  /** Bytes that the application may hand over ahead of what has been sent. */
  readonly sendBuffer: number;
  /** An acceptor's own; at an opener, that of the acceptor that answered first. */
  instance: number | undefined;
  readonly outgoing = new SendBuffer();
  readonly incoming: ReceiveStream;
  readonly paths = new Paths();
  readonly firstAnswer: FirstAnswer;
  readonly retransmit = new RetransmitTimer();
  now: number;
  mode: Mode;
  supply: SurbSupply | undefined;
  /** The SURBs of the opener's current client, at an acceptor that is told of them. */
  credit: SurbCredit | undefined;
  /** When a message of the peer's last came. */
  heardAt: number | undefined;
  /** When the first bytes were sent that the peer has not answered. */
  askedAt: number | undefined;
  /** How long the peer's last answer took, from the first bytes sent to the next message from there. */
  answerMs: number | undefined;
  /** How long the peer's first answer took. */
  firstAnswerMs: number | undefined;
  /** Whether the peer's first message has arrived, not only later ones. */
  started = false;
  /** When the greeting (OPEN, OPENED, or an opener's first legacy message) goes out even without data. */
  greetDeadline: number | undefined;
  /** Set once this end has reset the session. */
  ownReset: OwnReset | undefined;
  /** Set once the peer has reset the session, while bytes from before may still come. */
  peerReset: SessionError | undefined;

  constructor(options: EngineOptions) {
    const { sessionId, supply, startWithFrames = false, closeTimeoutMs, now } = options;
    const { envelope = PROXY_ENVELOPE } = options;
    const announced = envelope.openersVersion(sessionId, options.first);
    const framesAnnounced = announced > 0;
    this.sessionId = sessionId;
    this.envelope = envelope;
    this.firstAnswer = new FirstAnswer(envelope.answerStages);
    this.idleTimeoutMs = options.idleTimeoutMs;
    this.createdAt = now;
    this.now = now;
    this.closeTimeoutMs = closeTimeoutMs;
    this.supply = supply;
    this.isOpener = supply !== undefined;
    this.version = this.isOpener ? announced : Math.min(announced, SESSION_PROTOCOL_VERSION);
    this.negotiated = this.isOpener ? undefined : this.version;
    this.request = options.request;
    this.instance = options.instance;
    this.extendedPackets = options.extendedPackets ?? false;
    this.sendBuffer = options.request?.lane && !this.extendedPackets ? LANE_SEND_BUFFER : SEND_BUFFER;
    this.wake = options.wake ?? (() => undefined);
    const { firstMessage, rustOpenersFirst, messageIds, hasOpen } = envelope;
    this.incoming = new ReceiveStream(
      this.isOpener || framesAnnounced ? firstMessage : rustOpenersFirst,
      { messageIds, awaitsOpen: hasOpen && !this.isOpener },
      this.extendedPackets ? INITIAL_BULK_WINDOW : INITIAL_WINDOW,
    );
    if (this.isOpener) this.mode = startWithFrames ? 'frames' : 'unknown';
    else this.mode = framesAnnounced ? 'frames' : 'legacy';
    if (this.mode === 'legacy') this.outgoing.retainNothing();
  }

  /** Whether the peer knows what came with version 2: final offsets of resets, and ranges. */
  get peerKnowsFinalOffsets(): boolean {
    return (this.negotiated ?? 1) >= 2;
  }

  isDue(deadline: number | undefined): boolean {
    return deadline !== undefined && this.now >= deadline;
  }
}
