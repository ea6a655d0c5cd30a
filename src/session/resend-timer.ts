import { RESEND_AFTER_MS } from './limits.js';

/** When an end sends again without being told to: when nothing is acknowledged although something is outstanding. */
export class ResendTimer {
  #since: number | undefined;
  #tries = 0;

  /** Whether it was tried often enough; at {@link deadline} the session is given up. */
  get exhausted(): boolean {
    return this.#tries >= RESEND_AFTER_MS.length - 1;
  }

  /** When to send again, or to give up; `undefined` if nothing is outstanding. */
  get deadline(): number | undefined {
    const after = RESEND_AFTER_MS[Math.min(this.#tries, RESEND_AFTER_MS.length - 1)] ?? 0;
    return this.#since === undefined ? undefined : this.#since + after;
  }

  /** Something went out that is to be acknowledged. */
  sent(now: number): void {
    this.#since ??= now;
  }

  /** Something was sent again. */
  tried(now: number): void {
    this.#since = now;
    this.#tries += 1;
  }

  /** Something was acknowledged; `outstanding` tells whether there is more. */
  progress(now: number, outstanding: boolean): void {
    this.#since = outstanding ? now : undefined;
    this.#tries = 0;
  }
}
