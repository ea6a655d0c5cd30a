/**
 * The timers of a session. Each has a `deadline`, as of the engine's clock in ms; `undefined` while it is stopped.
 *
 * @module
 */
import {
  ACK_DELAY_MS,
  ACK_LATEST_MS,
  ACK_PAUSE_MS,
  ANSWER_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  PROBE_AFTER_MS,
  PROBE_INTERVALS_MS,
  RETRANSMIT_CEILING_MS,
  RETRANSMIT_FLOOR_MS,
  RETRANSMIT_LONGEST_MS,
  RETRANSMIT_ROUND_TRIPS,
  RETRANSMIT_TRIES,
  SILENCE_TOP_UPS_MS,
  type AnswerStage,
} from '../limits.js';

/** The first of some deadlines; `undefined` if there is none. */
export function earliest(deadlines: readonly (number | undefined)[]): number | undefined {
  return deadlines.reduce((first, at) => (at === undefined ? first : Math.min(first ?? at, at)), undefined);
}

/**
 * When an acknowledgement goes out without data that it could ride with: at once if the sender may be waiting for it,
 * else in the pause after what it acknowledges, so that a stream that flows is not answered packet by packet.
 */
export class AckTimer {
  #soon: number | undefined;
  #pause: number | undefined;
  #latest: number | undefined;

  get deadline(): number | undefined {
    const pause = this.#pause === undefined ? undefined : Math.min(this.#pause, this.#latest ?? Infinity);
    return earliest([this.#soon, pause]);
  }

  /** The peer may be waiting: there is room in the window again, its stream is complete, or it asked. */
  soon(now: number): void {
    this.#soon ??= now + ACK_DELAY_MS;
  }

  /** Something arrived, and the peer holds it until it is acknowledged. */
  inPause(now: number): void {
    this.#pause = now + ACK_PAUSE_MS;
    this.#latest ??= now + ACK_LATEST_MS;
  }

  /** An acknowledgement goes out. */
  sent(): void {
    this.#soon = undefined;
    this.#pause = undefined;
    this.#latest = undefined;
  }
}

/** When an end sends again without being told to: when nothing is acknowledged although something is outstanding. */
export class RetransmitTimer {
  #since: number | undefined;
  #tries = 0;
  #roundTripMs: number | undefined;
  /** What the next acknowledgement is timed by: an offset, and when the bytes before it went out for the first time. */
  #sample: { readonly offset: number; readonly at: number } | undefined;

  /** Whether it was tried often enough; at {@link deadline} the session is given up. */
  get exhausted(): boolean {
    return this.#tries >= RETRANSMIT_TRIES;
  }

  /** When to send again, or to give up. */
  get deadline(): number | undefined {
    return this.#since === undefined ? undefined : this.#since + this.#interval;
  }

  /** Something went out that is to be acknowledged. */
  sent(now: number): void {
    this.#since ??= now;
  }

  /** Bytes before `offset` went out for the first time. */
  measure(offset: number, now: number): void {
    this.#sample ??= { offset, at: now };
  }

  /** Something was sent again. Which copy the next acknowledgement is for, nobody can tell. */
  tried(now: number): void {
    this.#since = now;
    this.#tries += 1;
    this.#sample = undefined;
  }

  /** Everything before `offset` was acknowledged; `outstanding` tells whether there is more. */
  progress(now: number, offset: number, outstanding: boolean): void {
    this.#since = outstanding ? now : undefined;
    this.#tries = 0;
    if (this.#sample === undefined || offset < this.#sample.offset) return;
    const took = now - this.#sample.at;
    // Smoothed as TCP's (RFC 6298).
    this.#roundTripMs = this.#roundTripMs === undefined ? took : (7 * this.#roundTripMs + took) / 8;
    this.#sample = undefined;
  }

  /** Everything outstanding goes again, or nothing is. */
  restart(now: number, outstanding: boolean): void {
    this.#since = outstanding ? now : undefined;
    this.#tries = 0;
    this.#sample = undefined;
  }

  get #interval(): number {
    const roundTrips = RETRANSMIT_ROUND_TRIPS * (this.#roundTripMs ?? Infinity);
    const first = Math.max(RETRANSMIT_FLOOR_MS, Math.min(RETRANSMIT_CEILING_MS, roundTrips));
    return Math.min(RETRANSMIT_LONGEST_MS, first * 2 ** this.#tries);
  }
}

/**
 * When an opener asks a silent peer whether it is still there (PING), and when it gives it up. The question brings SURBs
 * too, without which the peer could not say anything.
 *
 * While the session makes progress, silence is soon suspicious. If the last message was only a PONG, the session is idle,
 * and the peer is asked once a minute. Waiting is counted in unanswered questions, so that a clock that jumps (a laptop
 * that slept) gives nobody up before asking again.
 */
export class KeepAlive {
  #since: number;
  #asked = false;
  #idle = false;
  #unanswered = 0;

  constructor(now: number) {
    this.#since = now;
  }

  /** Whether the peer was asked often enough; at {@link deadline} it is given up. */
  get exhausted(): boolean {
    return this.#unanswered >= PROBE_INTERVALS_MS.length;
  }

  /** When to ask next, or to give up. */
  get deadline(): number {
    if (this.#unanswered === 0) return this.#since + (this.#idle ? KEEP_ALIVE_MS : PROBE_AFTER_MS);
    return this.#since + (PROBE_INTERVALS_MS[this.#unanswered - 1] ?? 0);
  }

  /** A message came in; `progress` tells whether it was more than an answer to a question. */
  heard(now: number, progress: boolean): void {
    this.#since = now;
    this.#asked = false;
    this.#unanswered = 0;
    this.#idle = !progress;
  }

  /** Something goes out that the peer should answer or acknowledge. */
  sent(now: number): void {
    if (this.#asked || this.#unanswered > 0) return;
    this.#since = now;
    this.#asked = true;
    this.#idle = false;
  }

  /** A question goes out. */
  probed(now: number): void {
    this.#since = now;
    this.#unanswered += 1;
  }

  /** This end has another mixnet client now: the first question is due at once. */
  migrated(now: number): void {
    this.#since = now - PROBE_AFTER_MS;
    this.#asked = true;
    this.#idle = false;
    this.#unanswered = 0;
  }
}

/**
 * How an opener treats a peer that has not answered and may be ours or a Rust server: it sends no more than either can
 * hold, brings a few SURBs more now and then, and gives up in the end.
 */
export class FirstAnswer {
  readonly #stages: readonly AnswerStage[];
  #askedAt: number | undefined;
  #askedOverClientAt: number | undefined;
  #topUps = 0;

  constructor(stages: readonly AnswerStage[]) {
    this.#stages = stages;
  }

  /** When the first message went out. */
  get askedAt(): number | undefined {
    return this.#askedAt;
  }

  /** When the first message went out over the present mixnet client. */
  get askedOverClientAt(): number | undefined {
    return this.#askedOverClientAt;
  }

  /** When a peer that has not answered is given up. */
  get deadline(): number | undefined {
    return this.#askedAt === undefined ? undefined : this.#askedAt + ANSWER_TIMEOUT_MS;
  }

  /** When to bring more SURBs; stopped after the last time. */
  get topUpDeadline(): number | undefined {
    const after = SILENCE_TOP_UPS_MS[this.#topUps];
    return this.#askedAt === undefined || after === undefined ? undefined : this.#askedAt + after;
  }

  /** A message goes out; if more SURBs were due, it brings them. */
  sent(now: number): void {
    this.#askedAt ??= now;
    this.#askedOverClientAt ??= now;
    if (this.topUpDeadline !== undefined && now >= this.topUpDeadline) this.#topUps += 1;
  }

  /** What went out over another mixnet client may be lost with it. */
  migrated(): void {
    this.#askedOverClientAt = undefined;
  }

  /** The offset below which bytes may be sent. */
  limit(now: number): number {
    return this.#stage(now)?.bytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** When {@link limit} rises next. */
  stageDeadline(now: number): number | undefined {
    const stage = this.#stage(now);
    return stage && this.#askedAt !== undefined ? this.#askedAt + stage.untilMs : undefined;
  }

  #stage(now: number): AnswerStage | undefined {
    if (this.#askedAt === undefined) return undefined;
    const silentMs = now - this.#askedAt;
    return this.#stages.find(({ untilMs }) => silentMs < untilMs);
  }
}
