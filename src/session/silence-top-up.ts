import { SILENCE_TOP_UPS_MS } from './limits.js';

/** When an opener has heard nothing for so long that its peer may have run out of SURBs. */
export class SilenceTopUp {
  /** When the silence began: with the last message heard, or with the first that was sent since. */
  #since = 0;
  #asked = false;
  #topUps = 0;

  /** When the next top-up is due; `undefined` after the last of this silence. */
  get deadline(): number | undefined {
    const after = SILENCE_TOP_UPS_MS[this.#topUps];
    return after === undefined ? undefined : this.#since + after;
  }

  /** A message came in. */
  heard(now: number): void {
    this.#since = now;
    this.#asked = false;
    this.#topUps = 0;
  }

  /** A message goes out; if a top-up was due, this is it. */
  sent(now: number): void {
    if (this.deadline !== undefined && now >= this.deadline) {
      this.#topUps += 1;
    } else if (!this.#asked) {
      this.#since = now;
      this.#asked = true;
      this.#topUps = 0;
    }
  }
}
