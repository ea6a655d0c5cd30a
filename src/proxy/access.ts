import { parseAccessToken, proofChecker, proofMessage } from '../session/access-proof.js';
import type { Opening } from '../session/gate.js';
import { CLOCK_TOLERANCE_S, UsedProofs } from './used-proofs.js';

type Checker = ReturnType<typeof proofChecker>;

/**
 * Who may open sessions: whoever proves to hold one of the tokens. Each proof is good once, for one session id, and
 * within a tolerance of its time: see {@link UsedProofs}.
 */
export class Access {
  readonly #tokens: () => readonly string[] | undefined;
  readonly #now: () => number;
  #given: readonly string[] | undefined;
  #checkers: ReadonlyMap<string, Checker> = new Map();
  readonly #used = new UsedProofs();

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
    return this.#used.size;
  }

  /** The token that an opening proves; `undefined` if it proves none, or proves it again. */
  check({ request, recipient, sessionId }: Opening): string | undefined {
    const proof = request?.proof;
    const now = this.#now();
    if (proof === undefined || Math.abs(proof.time - now) > CLOCK_TOLERANCE_S) return undefined;
    const context = { recipient, sessionId, upstream: request?.upstream ?? '', time: proof.time };
    const token = this.#holder(proofMessage(context), proof.mac);
    return this.#used.isFresh(proof.mac, proof.time, now) ? token : undefined;
  }

  /** Makes the proof of an opening that is let in good for no other. */
  use({ request }: Opening): void {
    if (request?.proof) this.#used.add(request.proof.mac, request.proof.time);
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
}
