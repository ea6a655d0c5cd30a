/** How far the clocks of opener and server may differ, in seconds. */
export const CLOCK_TOLERANCE_S = 600;

/** The same while more than {@link CALM_PROOFS} are remembered. */
export const BUSY_TOLERANCE_S = 20;

/**
 * Proofs up to which the full tolerance holds. That many come within its 1200 s at 436 sessions/s, and at that rate
 * nothing changes.
 */
export const CALM_PROOFS = 2 ** 19;

/**
 * Proofs that are remembered at most, about 40 MB. Those beyond {@link CALM_PROOFS} are forgotten within 40 s, so it
 * takes more than 13,000 sessions/s to come here, each of which was let in. More are refused then.
 */
export const MAX_PROOFS = 2 ** 20;

/**
 * The proofs of access that have been used, so that none is good twice.
 *
 * They are kept by the second in which they were made, and forgotten by age: with the clock's tolerance, or earlier if
 * so many come that memory would run out. Whatever is as old as something forgotten is refused, so a replay never
 * passes. Nothing is kept of those who hold no token.
 */
export class UsedProofs {
  readonly #used = new Map<number, Set<number>>();
  #size = 0;
  #oldest = -Infinity;
  /** The latest second whose proofs were forgotten. */
  #forgotten = -Infinity;

  /** Proofs remembered. */
  get size(): number {
    return this.#size;
  }

  /** Whether a proof that was made at this time is good now: neither too old, nor too far ahead, nor used. */
  isFresh(mac: Uint8Array, time: number, now: number): boolean {
    const tolerance = this.#size < CALM_PROOFS ? CLOCK_TOLERANCE_S : BUSY_TOLERANCE_S;
    this.#forget(now - tolerance);
    if (Math.abs(time - now) > tolerance || time <= this.#forgotten) return false;
    return this.#size < MAX_PROOFS && this.#used.get(time)?.has(keyOf(mac)) !== true;
  }

  /** Remembers a proof, which is fresh no more. */
  add(mac: Uint8Array, time: number): void {
    const used = this.#used.get(time) ?? new Set();
    this.#used.set(time, used);
    this.#size -= used.size;
    used.add(keyOf(mac));
    this.#size += used.size;
  }

  /** Forgets what was made before `oldest`. There is one entry for each second within the tolerance. */
  #forget(oldest: number): void {
    if (oldest <= this.#oldest) return;
    this.#oldest = oldest;
    for (const [time, { size }] of this.#used) {
      if (time >= oldest) continue;
      this.#used.delete(time);
      this.#size -= size;
      this.#forgotten = Math.max(this.#forgotten, time);
    }
  }
}

/** 52 bits of the HMAC: of a million proofs, two share them once in 9000 times. */
function keyOf(mac: Uint8Array): number {
  const view = new DataView(mac.buffer, mac.byteOffset, mac.byteLength);
  return view.getUint32(0) * 2 ** 20 + (view.getUint32(4) >>> 12);
}
