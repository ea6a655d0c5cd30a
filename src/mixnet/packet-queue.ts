/** What a {@link PacketQueue} may be told. */
export interface PacketQueueOptions {
  /** Called whenever fewer packets wait than before. */
  readonly onFewer: () => void;
  /** How long the estimate is believed without a frame leaving, in ms. */
  readonly staleAfterMs: number;
  /**
   * Time in ms in which one frame leaves that is no packet of the queue's: a decoy outside the stream that the packets
   * of the queue leave in.
   */
  readonly decoyEveryMs?: number | undefined;
  /** A clock that does not go back, in ms; by default that of the system. */
  readonly now?: () => number;
}

/**
 * An estimate of the packets that wait inside the official client, which takes messages without bound and says
 * nothing of their progress.
 *
 * Every message adds its packets, every frame that leaves takes one away, save one per `decoyEveryMs`. An estimate that
 * is too high corrects itself, because with nothing to send the official client fills the stream with decoys, which are
 * counted too. One that is too low would stay so; so `decoyEveryMs` should be chosen a little lower than it is. The
 * estimate is also too high when the client drops a message or a reply waits for SURBs: after `staleAfterMs` without a
 * frame it is forgotten, save what waits in the socket, so that nobody waits for ever.
 */
export class PacketQueue {
  readonly #onFewer: () => void;
  readonly #staleAfterMs: number;
  readonly #decoyEveryMs: number;
  readonly #now: () => number;
  #ahead = 0;
  #inSocket = 0;
  #decoys = 0;
  #decoysAt: number;
  #stale: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PacketQueueOptions) {
    const { onFewer, staleAfterMs, decoyEveryMs = Infinity, now = () => performance.now() } = options;
    this.#onFewer = onFewer;
    this.#staleAfterMs = staleAfterMs;
    this.#decoyEveryMs = decoyEveryMs;
    this.#now = now;
    this.#decoysAt = now();
  }

  /** Packets that wait, probably. */
  get ahead(): number {
    return this.#ahead;
  }

  /** A message of that many packets was handed to the client. */
  add(packets: number): void {
    this.#ahead += packets;
    if (this.#ahead === packets) this.#restartStaleTimer();
  }

  /** The client has given a frame to its socket. */
  given(): void {
    this.#inSocket += 1;
  }

  /** One frame left. */
  left(): void {
    this.#inSocket = Math.max(0, this.#inSocket - 1);
    if (this.#isDecoy()) {
      if (this.#ahead > 0) this.#restartStaleTimer();
    } else if (this.#ahead > 0) {
      this.#set(this.#ahead - 1);
    }
  }

  #isDecoy(): boolean {
    const now = this.#now();
    // What was due while nothing left is hardly made up for.
    this.#decoys = Math.min(2, this.#decoys + (now - this.#decoysAt) / this.#decoyEveryMs);
    this.#decoysAt = now;
    if (this.#decoys < 1) return false;
    this.#decoys -= 1;
    return true;
  }

  #set(ahead: number): void {
    this.#ahead = ahead;
    this.#restartStaleTimer();
    this.#onFewer();
  }

  #restartStaleTimer(): void {
    clearTimeout(this.#stale);
    this.#stale =
      this.#ahead === 0
        ? undefined
        : setTimeout(() => this.#set(Math.min(this.#ahead, this.#inSocket)), this.#staleAfterMs);
  }
}
