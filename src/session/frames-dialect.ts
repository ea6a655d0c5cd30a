import { dataFrameOverhead, encodedBytes, type Frame } from '../wire/frame.js';
import { AckSchedule } from './ack-schedule.js';
import { protocolError, SessionError } from './errors.js';
import {
  ACCEPTOR_SILENCE_MS,
  FORGOTTEN_MS,
  GREETING_HOLD_MS,
  PONG_PAUSE_MS,
  PROBE_SURBS,
  RESEND_BYTES,
} from './limits.js';
import { Liveness } from './liveness.js';
import { SUPPLY_BYTES } from './message-budget.js';
import type { OutgoingMessage } from './message-packer.js';
import { earliest, type SessionState } from './session-state.js';
import { SurbWait } from './surb-wait.js';

/** Bytes of the largest FIN frame. */
const FIN_BYTES = 10;

/** What is sent when there is more to it than the stream. */
interface Occasion {
  /** The peer is asked whether it is there. */
  readonly probing: boolean;
  /** An opener takes its leave. */
  readonly leaving: boolean;
}

/**
 * One end that talks in frames: windows, acknowledgements, repetition, and the peer's being there. Only an opener can
 * ask a silent peer ({@link Liveness}): an acceptor needs SURBs to say anything.
 */
export class FramesDialect {
  readonly #state: SessionState;
  readonly #acks = new AckSchedule();
  readonly #liveness: Liveness | undefined;
  #pings = 0;
  /** The value of a PING to be answered. */
  #pong: number | undefined;
  #pongAt = -Infinity;
  /** Offset behind what was last sent again as a question whether it is missing. */
  #askedUpTo: number | undefined;
  /** The value of the PING with which an opener took its leave. */
  #leave: number | undefined;
  #leaveAnswered = false;
  readonly #surbWait: SurbWait;

  constructor(state: SessionState) {
    this.#state = state;
    this.#surbWait = new SurbWait(state);
    this.#liveness = state.isOpener ? new Liveness(state.now) : undefined;
  }

  /** Whether the peer has answered the leave that was taken. */
  get leaveAnswered(): boolean {
    return this.#leaveAnswered;
  }

  /** The application has read. */
  read(): void {
    if (this.#state.incoming.windowDue) this.#acks.soon(this.#state.now);
  }

  /** An opener goes on over another client: it asks at once. */
  rerouted(): void {
    this.#liveness?.rerouted(this.#state.now);
    if (!this.#leaveAnswered) this.#leave = undefined;
  }

  // Receiving.

  /**
   * Takes in frames, none of which is RESET. Tells whether they came from the peer's current client.
   *
   * @throws {SessionError} if the peer may not send them.
   */
  receive(frames: readonly Frame[]): boolean {
    const { routes, surbs, now } = this.#state;
    this.checkInstance(frames);
    const came = routes.peerCame(counterOf(frames));
    let news = came === 'newer';
    for (const frame of frames) news = this.#receiveFrame(frame) || news;
    this.#liveness?.heard(now, news);
    const bringsSurbs = came !== 'old' && frames.some(({ type }) => type === 'ping' || type === 'open');
    const speaksAgain = bringsSurbs && routes.surbsCame();
    const heardAgain = routes.answered();
    // Another client of the acceptor's has none of the SURBs that the one before had.
    if (came === 'newer') surbs?.lost();
    if (came === 'newer' || speaksAgain || heardAgain) this.#sendAllAgain();
    return came !== 'old';
  }

  /**
   * Whoever answers has to be the one that answered first. What else a server says that was restarted, a reset above
   * all, is about another session.
   *
   * @throws {SessionError} `gone`
   */
  checkInstance(frames: readonly Frame[]): void {
    const state = this.#state;
    if (!state.isOpener) return;
    for (const frame of frames) {
      if (frame.type !== 'instance') continue;
      state.instance ??= frame.value;
      if (frame.value !== state.instance) {
        throw new SessionError('gone', 'us', 'the server was restarted and has lost the session');
      }
    }
  }

  /** An acceptor goes down to what the opener speaks; the opener states its highest, whatever that is. */
  #checkVersion({ type, version }: Extract<Frame, { type: 'open' | 'opened' }>): void {
    const highest = type === 'open' ? Infinity : this.#state.version;
    if (version >= 1 && version <= highest) return;
    throw protocolError(
      `the peer answers in version ${version} of the session protocol, which is not known here`,
    );
  }

  /** What an end says when nothing else goes with it; an acceptor tells which one it is. */
  signed(...frames: readonly Frame[]): readonly Frame[] {
    const { isOpener, instance } = this.#state;
    return isOpener || instance === undefined ? frames : [{ type: 'instance', value: instance }, ...frames];
  }

  /** Takes note of what an opener of ours sent in the Rust way before it knew us. */
  receivedPlain(): boolean {
    const { routes } = this.#state;
    this.#acknowledge();
    const current = routes.peerCame(0) !== 'old';
    // Before the first answer, every message brings a SURB.
    if (current && routes.surbsCame()) this.#sendAllAgain();
    return current;
  }

  /** After the end only this is of interest. */
  receivePong(value: number): void {
    this.#leaveAnswered ||= this.#leave !== undefined && value >= this.#leave;
  }

  /** Tells whether the peer had anything to say but that it is there. */
  #receiveFrame(frame: Frame): boolean {
    const { incoming, outgoing, now } = this.#state;
    switch (frame.type) {
      case 'open':
      case 'opened':
        this.#checkVersion(frame);
        outgoing.grant(frame.window);
        return true;
      case 'data':
        incoming.insert(frame.offset, frame.bytes);
        this.#acknowledge();
        return true;
      case 'fin':
        incoming.finish(frame.offset);
        this.#acknowledge();
        return true;
      case 'ack':
        return this.#acknowledged(frame.offset, frame.window);
      case 'ping':
        this.#pong = frame.value;
        // An opener of good will asks every few seconds.
        if (now - this.#pongAt < PONG_PAUSE_MS) this.#acks.inPause(now);
        else this.#acks.soon(now);
        return false;
      case 'pong':
        this.receivePong(frame.value);
        return false;
      case 'demand':
        this.#state.surbs?.demanded(frame);
        return false;
      case 'route':
      case 'instance':
      case 'reset':
      case 'supply':
        return false;
    }
  }

  /** Only data, its end and PING are answered, never an acknowledgement: two idle ends would go on for ever. */
  #acknowledge(): void {
    const { incoming, now } = this.#state;
    if (incoming.complete) this.#acks.soon(now);
    else this.#acks.inPause(now);
  }

  #acknowledged(offset: number, window: number): boolean {
    const { outgoing, resend, now } = this.#state;
    outgoing.grant(offset + window);
    if (!outgoing.acknowledge(offset)) return false;
    resend.progress(now, outgoing.outstanding);
    const missingFrom = this.#askedUpTo;
    this.#askedUpTo = undefined;
    // The peer had nothing behind what it was sent again.
    if (offset === missingFrom && outgoing.outstanding) outgoing.sendAgain();
    return true;
  }

  // Sending.

  /** The next message to send; `undefined` if there is none now. */
  poll(): OutgoingMessage | undefined {
    const state = this.#state;
    const { routes, outgoing, resend } = state;
    const probing = state.isDue(this.#probeAt());
    if (routes.announcing && !probing) return undefined;
    if (routes.announcing || state.isDue(resend.deadline)) this.#sendFirstAgain();
    const leaving = state.isOpener && this.mayPart && this.#leave === undefined;
    const stream = outgoing.sendable() > 0 || outgoing.mayFinish;
    const timely = state.isDue(this.#timelyAt);
    const { dueSurbs } = state;
    if (!(stream || timely || probing || leaving || dueSurbs > 0)) {
      this.#surbWait.end();
      return undefined;
    }
    if (!this.#surbWait.mayReply()) return undefined;

    const sendable = outgoing.sendable();
    // An opener repeats itself until it is heard, since any of its messages may arrive first.
    const greeting = state.greetAt !== undefined || state.heardAt === undefined;
    const frames = this.#signals({ probing, leaving }, greeting, stream);
    const surbs = sendable > 0 ? state.surbsBesideStream : dueSurbs;
    const atLeast = Math.max(surbs, probing ? PROBE_SURBS : leaving ? 1 : 0);
    const plan = state.packer.plan(atLeast, state.replies?.usable || Infinity);
    const supply = state.isOpener ? SUPPLY_BYTES : 0;
    const room = frames.reduce((left, frame) => left - encodedBytes(frame), plan.room - supply);
    const carried = this.#pushStream(frames, sendable, room);
    if (carried || greeting) this.#liveness?.sent(state.now);
    if (probing) this.#liveness?.probed(state.now);
    return state.packFrames(frames, plan);
  }

  /** When there may be something to send without anything happening until then. */
  get deadlines(): readonly (number | undefined)[] {
    const { routes, resend } = this.#state;
    if (routes.announcing) return [this.#probeAt()];
    if (this.#surbWait.until !== undefined) return [this.#surbWait.until];
    return [this.#timelyAt, this.#probeAt(), resend.deadline];
  }

  /** When a greeting or an acknowledgement goes out even without data. */
  get #timelyAt(): number | undefined {
    const { greetAt, isOpener, replies, incoming, createdAt } = this.#state;
    const holds = greetAt !== undefined && !isOpener && replies?.usable === 1 && incoming.received > 0;
    return holds ? createdAt + GREETING_HOLD_MS : earliest([greetAt, this.#acks.at]);
  }

  /** What goes along with the stream, or instead of it. */
  #signals({ probing, leaving }: Occasion, greeting: boolean, stream: boolean): Frame[] {
    const { routes, incoming, isOpener, instance, replies } = this.#state;
    const frames: Frame[] = [];
    if (!isOpener && instance !== undefined) frames.push({ type: 'instance', value: instance });
    if (routes.counter > 0) frames.push({ type: 'route', counter: routes.counter });
    if (greeting) frames.push(this.#state.greeting);
    if (replies?.demand !== undefined) frames.push({ type: 'demand', ...replies.demand });
    if (this.#acks.at !== undefined || probing || leaving || !stream) {
      frames.push({ type: 'ack', ...incoming.acknowledge(this.#state.now) });
    }
    if (this.#pong !== undefined) {
      frames.push({ type: 'pong', value: this.#pong });
      this.#pongAt = this.#state.now;
    }
    if (probing || leaving) frames.push({ type: 'ping', value: (this.#pings += 1) });
    if (leaving) this.#leave = this.#pings;
    this.#pong = undefined;
    this.#acks.sent();
    return frames;
  }

  /** Adds what fits of the stream; tells whether anything did. */
  #pushStream(frames: Frame[], sendable: number, room: number): boolean {
    const { outgoing } = this.#state;
    const before = frames.length;
    const offset = outgoing.next;
    const overhead = dataFrameOverhead(offset, room);
    const length = Math.max(0, Math.min(sendable, room - overhead));
    if (length > 0) frames.push({ type: 'data', offset, bytes: this.#state.takeOut(length) });
    if (outgoing.mayFinish && room - length - overhead >= FIN_BYTES) {
      frames.push({ type: 'fin', offset: outgoing.sent });
      this.#state.finSent();
    }
    return frames.length > before;
  }

  #sendAllAgain(): void {
    const { outgoing, resend, now } = this.#state;
    outgoing.sendAgain();
    this.#askedUpTo = undefined;
    resend.progress(now, outgoing.outstanding);
    this.#acks.soon(now);
  }

  /** Asks whether what was sent is missing, with one message of it. */
  #sendFirstAgain(): void {
    const { outgoing, resend, now } = this.#state;
    resend.tried(now);
    this.#askedUpTo = outgoing.sendAgain(RESEND_BYTES);
  }

  /** When an opener asks whether the peer is there. Having taken its leave, it does not care any more. */
  #probeAt(): number | undefined {
    if (this.#liveness === undefined || this.#liveness.exhausted || this.#leave !== undefined)
      return undefined;
    return this.#liveness.deadline;
  }

  // Ending.

  /** Whether this end has all of the peer's bytes and the peer all of its. */
  get mayPart(): boolean {
    const { outgoing, incoming } = this.#state;
    return outgoing.finAcknowledged && incoming.complete;
  }

  /** Whether each end has all of the other's bytes, though the peer may not know that there are no more. */
  get delivered(): boolean {
    const { outgoing, incoming } = this.#state;
    const acknowledged = outgoing.finSentAt !== undefined && outgoing.acknowledged === outgoing.sent;
    return acknowledged && incoming.exhausted;
  }

  /**
   * Whether the other end knows, or will be told. An opener has the last word, so that what it then is told is known to
   * have been heard; what an acceptor cannot say now, its epitaph tells an opener that asks.
   */
  get partedWell(): boolean {
    const { isOpener, routes } = this.#state;
    if (isOpener) return this.#leave !== undefined;
    return this.mayPart && (this.#acks.at === undefined || routes.blocked);
  }

  /** When to stop waiting for the peer. Who {@link mayPart} waits for its reader only. */
  get giveUpAt(): number | undefined {
    const { isOpener, heardAt, createdAt, firstAnswer } = this.#state;
    if (this.mayPart) return undefined;
    if (!isOpener) return earliest([(heardAt ?? createdAt) + ACCEPTOR_SILENCE_MS, this.#refusalAt()]);
    if (heardAt === undefined) return firstAnswer.timeout;
    const unanswered = this.#liveness?.exhausted === true ? this.#liveness.deadline : undefined;
    return earliest([unanswered, heardAt + FORGOTTEN_MS, this.#refusalAt()]);
  }

  /** The peer takes nothing although it is there. */
  #refusalAt(): number | undefined {
    const { routes, resend } = this.#state;
    const waits = routes.blocked || routes.announcing;
    return !waits && resend.exhausted ? resend.deadline : undefined;
  }
}

function counterOf(frames: readonly Frame[]): number {
  return frames.reduce(
    (highest, frame) => (frame.type === 'route' ? Math.max(highest, frame.counter) : highest),
    0,
  );
}
