import { ANSWER_TIMEOUT_MS, SILENCE_TOP_UPS_MS, type AnswerStage } from './limits.js';

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

  /** When the first message went out over the mixnet client of now. */
  get askedOverClientAt(): number | undefined {
    return this.#askedOverClientAt;
  }

  /** When a peer that has not answered is given up. */
  get timeout(): number | undefined {
    return this.#askedAt === undefined ? undefined : this.#askedAt + ANSWER_TIMEOUT_MS;
  }

  /** When to bring more SURBs; `undefined` after the last time. */
  get topUpAt(): number | undefined {
    const after = SILENCE_TOP_UPS_MS[this.#topUps];
    return this.#askedAt === undefined || after === undefined ? undefined : this.#askedAt + after;
  }

  /** A message goes out; if more SURBs were due, it brings them. */
  sent(now: number): void {
    this.#askedAt ??= now;
    this.#askedOverClientAt ??= now;
    if (this.topUpAt !== undefined && now >= this.topUpAt) this.#topUps += 1;
  }

  /** What went out over another mixnet client may be lost with it. */
  rerouted(): void {
    this.#askedOverClientAt = undefined;
  }

  /** The offset below which bytes may be sent. */
  limit(now: number): number {
    return this.#stage(now)?.bytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** When {@link limit} rises next. */
  nextStageAt(now: number): number | undefined {
    const stage = this.#stage(now);
    return stage && this.#askedAt !== undefined ? this.#askedAt + stage.untilMs : undefined;
  }

  #stage(now: number): AnswerStage | undefined {
    if (this.#askedAt === undefined) return undefined;
    const silentMs = now - this.#askedAt;
    return this.#stages.find(({ untilMs }) => silentMs < untilMs);
  }
}
