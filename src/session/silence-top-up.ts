import { SILENCE_TOP_UPS_MS } from './limits.js';

/** When an opener has heard nothing for so long that its peer may have run out of SURBs. */
export class SilenceTopUp {
  #activeAt = 0;
  #topUps = 0;

  /** When the next top-up is due, counted from the last message either way; `undefined` after the last of them. */
  get deadline(): number | undefined {
    const pause = SILENCE_TOP_UPS_MS[this.#topUps];
    return pause === undefined ? undefined : this.#activeAt + pause;
  }

  /** A message came in. */
  heard(now: number): void {
    this.#activeAt = now;
    this.#topUps = 0;
  }

  /** A message goes out; if a top-up was due, this is it. */
  sent(now: number): void {
    if (this.deadline !== undefined && now >= this.deadline) this.#topUps += 1;
    this.#activeAt = now;
  }
}
