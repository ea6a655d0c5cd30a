import { parseAccessToken, proofChecker, proofMessage } from '../session/access-proof.js';
import type { Opening } from '../session/gate.js';

/** How far the clocks of opener and server may differ, in seconds. */
export const CLOCK_TOLERANCE_S = 600;

/**
 * Proven session ids that are remembered. At the default rate of 50 sessions/s over the 1200 s for which a proof of the
 * fastest clock stays good, all of them fit.
 */
const MAX_PROVEN = 65_536;

type Checker = ReturnType<typeof proofChecker>;

/**
 * Who may open sessions: whoever proves to hold one of the tokens. Each proof is good once, for one session id, and
 * within {@link CLOCK_TOLERANCE_S} of its time.
 */
export class Access {
  readonly #tokens: () => readonly string[] | undefined;
  readonly #now: () => number;
  #given: readonly string[] | undefined;
  #checkers: ReadonlyMap<string, Checker> = new Map();
  /** Session ids and when their proofs go stale, in Unix seconds; oldest first. */
  readonly #proven = new Map<string, number>();

  /**
   * @param tokens the tokens that are good now; asked at every opening. `undefined` while nobody knows: then nobody is
   *   let in, and who is in stays.
   * @param now Unix time in seconds.
   */
  constructor(tokens: () => readonly string[] | undefined, now: () => number) {
    this.#tokens = tokens;
    this.#now = now;
  }

  /** Proofs remembered. */
  get remembered(): number {
    return this.#proven.size;
  }

  /** The token that an opening proves; `undefined` if it proves none, or proves it again. */
  check({ request, recipient, sessionId }: Opening): string | undefined {
    const proof = request?.proof;
    if (proof === undefined || Math.abs(proof.time - this.#now()) > CLOCK_TOLERANCE_S) return undefined;
    const context = { recipient, sessionId, upstream: request?.upstream ?? '', time: proof.time };
    const token = this.#holder(proofMessage(context), proof.mac);
    this.#forgetStale();
    return this.#proven.has(sessionId) || this.#proven.size >= MAX_PROVEN ? undefined : token;
  }

  /** Makes the proof of an opening that is let in good for no other. */
  use({ request, sessionId }: Opening): void {
    if (request?.proof) this.#proven.set(sessionId, request.proof.time + CLOCK_TOLERANCE_S);
  }

  /** Whether a token that was good still is. */
  isGood(token: string): boolean {
    this.#refresh();
    return this.#checkers.has(token);
  }

  /** Which token it is takes as long to find for any of them. */
  #holder(message: Uint8Array, mac: Uint8Array): string | undefined {
    this.#refresh();
    if (this.#given === undefined) return undefined;
    let holder: string | undefined;
    for (const [token, check] of this.#checkers) if (check(message, mac)) holder = token;
    return holder;
  }

  #refresh(): void {
    const tokens = this.#tokens();
    if (tokens === this.#given) return;
    this.#given = tokens;
    if (tokens === undefined) return;
    this.#checkers = new Map(tokens.map((token) => [token, proofChecker(parseAccessToken(token))]));
  }

  /** Those with the same time of proof are stale together; one with a slow clock behind others waits a little. */
  #forgetStale(): void {
    const now = this.#now();
    for (const [sessionId, staleAt] of this.#proven) {
      if (staleAt >= now) break;
      this.#proven.delete(sessionId);
    }
  }
}
