/**
 * Which way the messages of a session go. Either end's mixnet client may be replaced; each end counts its own clients
 * (ROUTE), so that messages of an earlier one that arrive late are known for what they are.
 */
export class Routes {
  #own = 0;
  #peer = 0;
  #lostAt: number | undefined;
  #lostCause: unknown;
  #muted = false;
  #announcing = false;

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

  /** Whether nothing can be sent: without a client, or at an acceptor whose new client has no SURBs of the peer yet. */
  get blocked(): boolean {
    return this.#lostAt !== undefined || this.#muted;
  }

  /** Whether the peer has not answered since this end, an opener, has come another way. */
  get announcing(): boolean {
    return this.#announcing;
  }

  lost(now: number, cause: unknown): void {
    this.#lostAt ??= now;
    this.#lostCause = cause;
  }

  /** There is a client again; nothing had been sent over another one. */
  begin(): void {
    this.#lostAt = undefined;
  }

  /** An opener goes on over another client. */
  announce(): void {
    this.begin();
    this.#own += 1;
    this.#announcing = true;
  }

  /** An acceptor goes on over another client, as soon as the peer has sent it SURBs. */
  awaitSurbs(): void {
    this.begin();
    this.#own += 1;
    this.#muted = true;
  }

  /** A message came by the peer's client number `counter`; tells whether that is a newer one, or the current one. */
  peerCame(counter: number): 'newer' | 'current' | 'old' {
    if (counter < this.#peer) return 'old';
    if (counter === this.#peer) return 'current';
    this.#peer = counter;
    return 'newer';
  }

  /** The peer has answered an announcement; tells whether there was one. */
  answered(): boolean {
    const announced = this.#announcing;
    this.#announcing = false;
    return announced;
  }

  /** SURBs of the peer's current client have come; tells whether they were waited for. */
  surbsCame(): boolean {
    const awaited = this.#muted;
    this.#muted = false;
    return awaited;
  }
}
