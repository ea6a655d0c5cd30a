/**
 * Which mixnet clients the messages of a session go over. Either end's client may be replaced; each end counts its own
 * clients (ROUTE), so that late messages from an earlier one are recognised.
 */
export class Paths {
  #own = 0;
  #peer = 0;
  #lostAt: number | undefined;
  #lostCause: unknown;
  #foundAt: number | undefined;
  #awaitingSurbs = false;
  #validating = false;

  /** How often this end's client was replaced. */
  get counter(): number {
    return this.#own;
  }

  /** When this end lost its client; `undefined` while it has one. */
  get lostAt(): number | undefined {
    return this.#lostAt;
  }

  /** Why it was lost. */
  get lostCause(): unknown {
    return this.#lostCause;
  }

  /** When this end last got another client. */
  get foundAt(): number | undefined {
    return this.#foundAt;
  }

  /** Whether nothing can be sent: without a client, or at an acceptor whose new client has no SURBs of the peer yet. */
  get blocked(): boolean {
    return this.#lostAt !== undefined || this.#awaitingSurbs;
  }

  /** Whether this end, an opener, has another client, over which the peer has not answered yet. */
  get validating(): boolean {
    return this.#validating;
  }

  lost(now: number, cause: unknown): void {
    this.#lostAt ??= now;
    this.#lostCause = cause;
  }

  /** There is a client again; nothing had been sent over another one. */
  begin(now: number): void {
    this.#lostAt = undefined;
    this.#foundAt = now;
  }

  /** An opener goes on over another client. */
  validate(now: number): void {
    this.begin(now);
    this.#own += 1;
    this.#validating = true;
  }

  /** An acceptor goes on over another client, as soon as the peer has sent it SURBs. */
  awaitSurbs(now: number): void {
    this.begin(now);
    this.#own += 1;
    this.#awaitingSurbs = true;
  }

  /** A message came from the peer's client number `counter`; tells whether that is a newer one, or the current one. */
  peerCame(counter: number): 'newer' | 'current' | 'old' {
    if (counter < this.#peer) return 'old';
    if (counter === this.#peer) return 'current';
    this.#peer = counter;
    return 'newer';
  }

  /** The peer has answered; tells whether that validates a new client. */
  answered(): boolean {
    const validated = this.#validating;
    this.#validating = false;
    return validated;
  }

  /** SURBs of the peer's current client have come; tells whether they were waited for. */
  surbsCame(): boolean {
    const awaited = this.#awaitingSurbs;
    this.#awaitingSurbs = false;
    return awaited;
  }
}
