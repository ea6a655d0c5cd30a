import { SessionError } from '../session/errors.js';
import { tooMuchHeld } from '../admission/held-bytes.js';
import type { Session } from '../session/session.js';

/** How often what is held is looked at, while there are streams. */
const CHECK_EVERY_MS = 1000;

/** Holds the streams of one client to a number of bytes for all together. */
export class HeldLimit {
  readonly #maxBytes: number;
  readonly #held = new Set<HeldStream>();
  #checking: ReturnType<typeof setInterval> | undefined;

  /** @param maxBytes 0 is no limit. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Watches a stream until it ends.
   *
   * @param peer whose it is: Nym address or sender tag.
   */
  watch(session: Session, peer: string): void {
    const held = new HeldStream(session, peer);
    this.#held.add(held);
    this.#checking ??= setInterval(() => this.#check(), CHECK_EVERY_MS);
    const ended = () => this.#release(held);
    session.closed.then(ended, ended);
  }

  #release(held: HeldStream): void {
    this.#held.delete(held);
    if (this.#held.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }

  #check(): void {
    for (const { session } of tooMuchHeld(this.#held, ({ peer }) => peer, this.#maxBytes)) {
      const reason = 'the streams together hold more bytes than allowed, and those of its peer most';
      session.reset(new SessionError('limit', 'us', reason));
    }
  }
}

class HeldStream {
  readonly session: Session;
  readonly peer: string;

  constructor(session: Session, peer: string) {
    this.session = session;
    this.peer = peer;
  }

  /** What the official client may still hold is a second copy, or the only one. */
  get bytesBuffered(): number {
    const { bytesBuffered, bytesHandedOver } = this.session.stats();
    return bytesBuffered + bytesHandedOver;
  }
}
