import { dataFrameOverhead, encodedBytes, MAX_RANGES, type Frame } from '../../wire/frame.js';
import { replyPackets } from '../../wire/packet-count.js';
import { protocolError, SessionError } from '../errors.js';
import {
  ACCEPTOR_SILENCE_MS,
  FORGOTTEN_MS,
  GREETING_HOLD_MS,
  PONG_PAUSE_MS,
  PROBE_SURBS,
  RESET_WAIT_MS,
  RETRANSMIT_PROBE_BYTES,
  SURB_WAIT_MS,
} from '../limits.js';
import { SUPPLY_BYTES, type MessagePacker, type OutgoingMessage } from './message-packer.js';
import type { SessionState } from './state.js';
import { AckTimer, earliest, KeepAlive } from './timers.js';

/** Bytes of the largest FIN or RESET frame. */
const END_BYTES = 11;

/** What is sent when there is more to it than the stream. */
interface Occasion {
  /** The peer is asked whether it is there. */
  readonly probing: boolean;
  /** An opener says goodbye: both streams are complete. */
  readonly leaving: boolean;
}

/**
 * One end that talks in frames: flow control, acknowledgements, retransmission and keep-alive. Only an opener can ask a
 * silent peer ({@link KeepAlive}): an acceptor needs SURBs to say anything.
 *
 * It serves open and closing sessions alike. Once this end has reset the session, RESET takes the place of FIN, and
 * bytes that come are ignored.
 */
export class Framed {
  readonly #state: SessionState;
  readonly #packer: MessagePacker;
  readonly #acks = new AckTimer();
  readonly #keepAlive: KeepAlive | undefined;
  #pings = 0;
  /** The value of a PING to be answered. */
  #pong: number | undefined;
  #pongAt = -Infinity;
  /** Offset behind what was last sent again as a question whether it is missing. */
  #probedUpTo: number | undefined;
  /** The value of the PING with which an opener said goodbye. */
  #goodbye: number | undefined;
  #goodbyeAnswered = false;
  /** When an acceptor stops waiting for SURBs, and leaves it to the official client to ask for them. */
  #surbDeadline: number | undefined;
  /** Whether RESET is to be sent, for the first time or again. */
  #resetDue = false;
  /** When the peer's bytes last came, or their end became known. */
  #receivedAt: number;

  constructor(state: SessionState, packer: MessagePacker) {
    this.#state = state;
    this.#packer = packer;
    this.#keepAlive = state.isOpener ? new KeepAlive(state.now) : undefined;
    this.#receivedAt = state.now;
  }

  /** Whether the peer has answered the goodbye. */
  get goodbyeAnswered(): boolean {
    return this.#goodbyeAnswered;
  }

  /** Whether an acknowledgement is owed to the peer. */
  get owesAck(): boolean {
    return this.#acks.deadline !== undefined;
  }

  /** Whether the peer was not told yet that this end has reset the session, or has to be told again. */
  get owesReset(): boolean {
    return this.#resetDue;
  }

  /** The application has read. */
  read(): void {
    if (this.#state.incoming.windowDue) this.#acks.soon(this.#state.now);
  }

  /** An opener goes on over another client: it asks at once. */
  migrated(): void {
    this.#keepAlive?.migrated(this.#state.now);
    if (!this.#goodbyeAnswered) this.#goodbye = undefined;
  }

  /** This end has reset the session ({@link SessionState.ownReset}). */
  reset(): void {
    this.#resetDue = true;
  }

  // Receiving.

  /** Takes in nothing but answers to the goodbye: after the end, all else is of no interest. */
  receivePongs(frames: readonly Frame[]): void {
    for (const frame of frames) if (frame.type === 'pong') this.#receivePong(frame.value);
  }

  /**
   * Takes in frames. Tells whether they came from the peer's current client.
   *
   * @throws {SessionError} if the peer may not send them.
   */
  receive(frames: readonly Frame[]): boolean {
    const { paths, supply, now } = this.#state;
    this.checkInstance(frames);
    const came = paths.peerCame(counterOf(frames));
    let progress = came === 'newer';
    for (const frame of frames) progress = this.#receiveFrame(frame) || progress;
    this.#keepAlive?.heard(now, progress);
    const bringsSurbs = came !== 'old' && frames.some(({ type }) => type === 'ping' || type === 'open');
    const speaksAgain = bringsSurbs && paths.surbsCame();
    const heardAgain = paths.answered();
    // Another client of the acceptor's has none of the SURBs that the one before had.
    if (came === 'newer') supply?.lost();
    if (came === 'newer' || speaksAgain || heardAgain) this.#sendAllAgain();
    return came !== 'old';
  }

  /**
   * The acceptor that answers has to be the one that answered first. What else a restarted server says, a reset above
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

  /** What an end says when nothing else goes with it; an acceptor tells which one it is. */
  signed(...frames: readonly Frame[]): readonly Frame[] {
    const { isOpener, instance } = this.#state;
    return isOpener || instance === undefined ? frames : [{ type: 'instance', value: instance }, ...frames];
  }

  /** Takes note of what an opener of ours sent in legacy mode before it knew us. */
  receivedLegacy(): boolean {
    const { paths } = this.#state;
    this.#acknowledge();
    const current = paths.peerCame(0) !== 'old';
    // Before the first answer, every message brings a SURB.
    if (current && paths.surbsCame()) this.#sendAllAgain();
    return current;
  }

  /** An acceptor goes down to what the opener speaks; the opener states its highest, whatever that is. */
  #checkVersion({ type, version }: Extract<Frame, { type: 'open' | 'opened' }>): void {
    const state = this.#state;
    const highest = type === 'open' ? Infinity : state.version;
    if (version < 1 || version > highest)
      throw protocolError(
        `the peer answers in version ${version} of the session protocol, which is not known here`,
      );
    if (type === 'opened') state.negotiated = version;
  }

  /** Tells whether the peer had anything to say but that it is there. */
  #receiveFrame(frame: Frame): boolean {
    const { outgoing, now } = this.#state;
    switch (frame.type) {
      case 'open':
      case 'opened':
        this.#checkVersion(frame);
        outgoing.grant(frame.window);
        return true;
      case 'data':
        return this.#receiveData(frame.offset, frame.bytes);
      case 'fin':
        return this.#receiveEnd(frame.offset);
      case 'reset':
        if (frame.finalOffset !== undefined) this.#receiveReset(frame.code, frame.finalOffset);
        return true;
      case 'ack':
        return this.#acknowledged(frame.offset, frame.window);
      case 'ranges':
        outgoing.arrived(frame.ranges);
        return false;
      case 'ping':
        this.#pong = frame.value;
        // A well-behaved opener asks every few seconds.
        if (now - this.#pongAt < PONG_PAUSE_MS) this.#acks.inPause(now);
        else this.#acks.soon(now);
        return false;
      case 'pong':
        this.#receivePong(frame.value);
        return false;
      case 'demand':
        this.#state.supply?.demanded(frame);
        return false;
      case 'route':
      case 'instance':
      case 'supply':
        return false;
    }
  }

  #receivePong(value: number): void {
    this.#goodbyeAnswered ||= this.#goodbye !== undefined && value >= this.#goodbye;
  }

  #receiveData(offset: number, bytes: Uint8Array): boolean {
    const { incoming, ownReset, now } = this.#state;
    if (ownReset) {
      // The peer has not heard of the reset.
      this.#resetDue = true;
      return true;
    }
    incoming.insert(offset, bytes);
    this.#receivedAt = now;
    this.#acknowledge();
    return true;
  }

  #receiveEnd(offset: number): boolean {
    const { incoming, ownReset, now } = this.#state;
    if (ownReset) {
      this.#resetDue = true;
      return true;
    }
    incoming.finish(offset);
    this.#receivedAt = now;
    this.#acknowledge();
    return true;
  }

  /** The peer sends nothing beyond `finalOffset`, and takes nothing any more. */
  #receiveReset(code: Extract<Frame, { type: 'reset' }>['code'], finalOffset: number): void {
    const state = this.#state;
    if (!state.ownReset) this.#receiveEnd(finalOffset);
    state.peerReset ??= new SessionError(code, 'peer');
    state.outgoing.drop();
    state.retransmit.restart(state.now, false);
  }

  /** Only data, its end and PING are answered, never an acknowledgement: two idle ends would go on for ever. */
  #acknowledge(): void {
    const { incoming, now } = this.#state;
    if (incoming.complete) this.#acks.soon(now);
    else this.#acks.inPause(now);
  }

  #acknowledged(offset: number, window: number): boolean {
    const { outgoing, retransmit, now } = this.#state;
    outgoing.grant(offset + window);
    if (!outgoing.acknowledge(offset)) return false;
    retransmit.progress(now, offset, outgoing.outstanding);
    const missingFrom = this.#probedUpTo;
    this.#probedUpTo = undefined;
    // The peer had nothing behind what it was sent again.
    if (offset === missingFrom && outgoing.outstanding) outgoing.retransmit();
    return true;
  }

  // Sending.

  /** The next message to send; `undefined` if there is none now. */
  poll(): OutgoingMessage | undefined {
    const state = this.#state;
    const { paths, outgoing, incoming, retransmit, credit } = state;
    const probing = state.isDue(this.#probeDeadline());
    if (paths.validating && !probing) return undefined;
    if (paths.validating || state.isDue(retransmit.deadline)) this.#retransmitMissing();
    const leaving = state.isOpener && this.bothComplete && this.#goodbye === undefined;
    const stream = outgoing.sendable() > 0 || this.#endDue;
    const timely = state.isDue(this.#timelyDeadline);
    const wantsNothing = incoming.complete || state.ownReset !== undefined;
    const dueSurbs = state.supply?.due(wantsNothing) ?? 0;
    if (!(stream || timely || probing || leaving || dueSurbs > 0)) {
      this.#surbDeadline = undefined;
      return undefined;
    }
    if (!this.#mayReply()) return undefined;

    const sendable = outgoing.sendable();
    // An opener repeats itself until it is heard, since any of its messages may arrive first.
    const greeting = state.greetDeadline !== undefined || state.heardAt === undefined;
    const frames = this.#signals({ probing, leaving }, greeting, stream);
    const surbs = sendable > 0 ? (state.supply?.besideStream(wantsNothing) ?? 0) : dueSurbs;
    const atLeast = Math.max(surbs, probing ? PROBE_SURBS : leaving ? 1 : 0);
    const plan = this.#packer.plan(atLeast, credit?.usable || undefined);
    const supplyBytes = state.isOpener ? SUPPLY_BYTES : 0;
    const room = frames.reduce((left, frame) => left - encodedBytes(frame), plan.room - supplyBytes);
    const { sent, finSentAt } = outgoing;
    this.#pushStream(frames, sendable, room);
    // What is sent again puts off no question: over a new client the acceptor waits for it.
    const isNew = outgoing.sent > sent || outgoing.finSentAt !== finSentAt;
    if (isNew || greeting) this.#keepAlive?.sent(state.now);
    if (probing) this.#keepAlive?.probed(state.now);
    const message = this.#packer.packFrames(frames, plan);
    this.#wantSurbs();
    return message;
  }

  /** When there may be something to send without anything happening until then. */
  get deadline(): number | undefined {
    const { paths, retransmit } = this.#state;
    if (paths.validating) return this.#probeDeadline();
    return this.#surbDeadline ?? earliest([this.#timelyDeadline, this.#probeDeadline(), retransmit.deadline]);
  }

  /** When a greeting or an acknowledgement goes out even without data. */
  get #timelyDeadline(): number | undefined {
    const { greetDeadline, isOpener, credit, incoming, createdAt } = this.#state;
    const holds = greetDeadline !== undefined && !isOpener && credit?.usable === 1 && incoming.received > 0;
    return holds ? createdAt + GREETING_HOLD_MS : earliest([greetDeadline, this.#acks.deadline]);
  }

  /**
   * Whether FIN or RESET is next. A peer of version 1 ends at RESET, so there it comes behind all that its window takes;
   * one that knows final offsets is told at once, so that its application hears while bytes still come.
   */
  get #endDue(): boolean {
    const { outgoing, ownReset, peerKnowsFinalOffsets } = this.#state;
    if (!ownReset) return outgoing.mayFinish;
    if (!this.#resetDue && !outgoing.mayFinish) return false;
    return peerKnowsFinalOffsets || outgoing.sendable() === 0;
  }

  /** Whether there are SURBs for what is due, or they were waited for long enough; an opener needs none. */
  #mayReply(): boolean {
    const { credit, now, wake } = this.#state;
    // Even a reply without any of the stream takes one.
    this.#wantSurbs(1);
    if (credit === undefined || credit.usable > 0 || this.#state.isDue(this.#surbDeadline)) {
      this.#surbDeadline = undefined;
      return true;
    }
    this.#surbDeadline ??= now + SURB_WAIT_MS;
    credit.whenMore(wake);
    return false;
  }

  /** Says how many SURBs an acceptor has use for now, which are `least` at least. */
  #wantSurbs(least = 0): void {
    const { outgoing, extendedPackets, credit, sendBuffer } = this.#state;
    // Those behind the window too: it is open again before more SURBs could come.
    const bytes = outgoing.unsent;
    const packets = bytes === 0 ? 0 : replyPackets(bytes, extendedPackets);
    // A full buffer is a sign that more will follow.
    credit?.want(this.#state, Math.max(least, packets), bytes >= sendBuffer / 2);
  }

  /** What goes along with the stream, or instead of it. */
  #signals({ probing, leaving }: Occasion, greeting: boolean, stream: boolean): Frame[] {
    const state = this.#state;
    const { paths, incoming, isOpener, instance, credit } = state;
    const frames: Frame[] = [];
    if (!isOpener && instance !== undefined) frames.push({ type: 'instance', value: instance });
    if (paths.counter > 0) frames.push({ type: 'route', counter: paths.counter });
    if (greeting) frames.push(this.greeting);
    if (credit?.demand !== undefined) frames.push({ type: 'demand', ...credit.demand });
    if (!state.ownReset && (this.#acks.deadline !== undefined || probing || leaving || !stream)) {
      frames.push({ type: 'ack', ...incoming.acknowledge(state.now) });
      const ranges = state.peerKnowsFinalOffsets ? incoming.ranges.slice(0, MAX_RANGES) : [];
      if (ranges.length > 0) frames.push({ type: 'ranges', ranges });
    }
    if (this.#pong !== undefined) {
      frames.push({ type: 'pong', value: this.#pong });
      this.#pongAt = state.now;
    }
    if (probing || leaving) frames.push({ type: 'ping', value: (this.#pings += 1) });
    if (leaving) this.#goodbye = this.#pings;
    this.#pong = undefined;
    this.#acks.sent();
    return frames;
  }

  /** What an end says first: OPEN or OPENED. */
  get greeting(): Frame {
    const { version, incoming, isOpener, request } = this.#state;
    const common = { version, window: incoming.announceLimit() };
    if (!isOpener) return { type: 'opened', ...common };
    return { type: 'open', ...common, ...(request && { request }) };
  }

  /** Adds what fits of the stream. */
  #pushStream(frames: Frame[], sendable: number, room: number): void {
    const { outgoing, ownReset } = this.#state;
    const offset = outgoing.next;
    const overhead = dataFrameOverhead(offset, room);
    // A reset is told at once, though bytes from before still follow.
    const forReset = this.#resetDue && this.#endDue ? END_BYTES : 0;
    const length = Math.max(0, Math.min(sendable, room - overhead - forReset));
    if (length > 0) frames.push({ type: 'data', offset, bytes: this.#packer.takeOut(length) });
    if (this.#endDue && room - length - overhead >= END_BYTES) {
      if (ownReset === undefined) frames.push({ type: 'fin', offset: outgoing.sent });
      else frames.push(resetFrame(ownReset.code, ownReset.finalOffset));
      this.#resetDue = false;
      this.#packer.endSent();
    }
  }

  /** One of the clients was replaced: what was not acknowledged may be lost. */
  #sendAllAgain(): void {
    const { outgoing, retransmit, ownReset, now } = this.#state;
    outgoing.forgetArrived();
    outgoing.retransmit();
    this.#probedUpTo = undefined;
    if (ownReset) this.#resetDue = true;
    retransmit.restart(now, outgoing.outstanding);
    this.#acks.soon(now);
  }

  /**
   * Nothing was acknowledged for long. The gaps that the peer has told of are missing. Where it has told of none, one
   * message asks whether what was sent is missing.
   */
  #retransmitMissing(): void {
    const { outgoing, retransmit, ownReset, now } = this.#state;
    retransmit.tried(now);
    if (ownReset) this.#resetDue = true;
    if (outgoing.retransmitGaps()) return;
    this.#probedUpTo = outgoing.retransmit(RETRANSMIT_PROBE_BYTES);
  }

  /** When an opener asks whether the peer is there. Having said goodbye, it does not care any more. */
  #probeDeadline(): number | undefined {
    if (this.#keepAlive === undefined || this.#keepAlive.exhausted || this.#goodbye !== undefined)
      return undefined;
    return this.#keepAlive.deadline;
  }

  // Ending.

  /** Whether this end has all of the peer's bytes and the peer all of its. */
  get bothComplete(): boolean {
    const { outgoing, incoming, ownReset, peerReset } = this.#state;
    return !ownReset && !peerReset && outgoing.finAcknowledged && incoming.complete;
  }

  /** Whether each end has all of the other's bytes, though the peer may not know that there are no more. */
  get delivered(): boolean {
    const { outgoing, incoming } = this.#state;
    const acknowledged = outgoing.finSentAt !== undefined && outgoing.acknowledged === outgoing.sent;
    return acknowledged && incoming.exhausted;
  }

  /**
   * Whether the other end knows that the session is done, or will be told. The opener speaks last, so that what it is
   * told then is known to be heard; what an acceptor cannot say now, an opener that asks is told later.
   */
  get saidGoodbye(): boolean {
    const { isOpener, paths } = this.#state;
    if (isOpener) return this.#goodbye !== undefined;
    return this.bothComplete && (!this.owesAck || paths.blocked);
  }

  /** When to stop waiting for the peer. An end for which {@link bothComplete} waits for its reader only. */
  get giveUpDeadline(): number | undefined {
    const { isOpener, heardAt, createdAt, firstAnswer, peerReset } = this.#state;
    if (this.bothComplete) return undefined;
    if (peerReset) return this.#receivedAt + RESET_WAIT_MS;
    if (!isOpener) return earliest([(heardAt ?? createdAt) + ACCEPTOR_SILENCE_MS, this.#refusalDeadline()]);
    if (heardAt === undefined) return firstAnswer.deadline;
    const unanswered = this.#keepAlive?.exhausted === true ? this.#keepAlive.deadline : undefined;
    return earliest([unanswered, heardAt + FORGOTTEN_MS, this.#refusalDeadline()]);
  }

  /** The peer takes nothing although it is there. */
  #refusalDeadline(): number | undefined {
    const { paths, retransmit } = this.#state;
    const waits = paths.blocked || paths.validating;
    return !waits && retransmit.exhausted ? retransmit.deadline : undefined;
  }
}

/** RESET, with the offset up to which bytes are still delivered, if there is one. */
export function resetFrame(
  code: Extract<Frame, { type: 'reset' }>['code'],
  finalOffset: number | undefined,
): Frame {
  return { type: 'reset', code, ...(finalOffset !== undefined && { finalOffset }) };
}

function counterOf(frames: readonly Frame[]): number {
  return frames.reduce(
    (highest, frame) => (frame.type === 'route' ? Math.max(highest, frame.counter) : highest),
    0,
  );
}
