/** How a silently dead connection is found. */
export interface HeartbeatTimes {
  /** Time in ms between two pings. */
  readonly everyMs: number;
  /** A connection is dead when a ping was followed by so many ms without anything from the peer. */
  readonly patienceMs: number;
}

/**
 * A dead gateway is noticed within half a minute, at the cost of 2 tiny frames in 20 s; the gateway itself asks for no
 * keep-alive (gateway.md section 1).
 */
export const HEARTBEAT: HeartbeatTimes = { everyMs: 20_000, patienceMs: 10_000 };

const LAST_CHANCE_MS = 100;

/** Pings a peer and tells when it has stopped answering. */
export class Heartbeat {
  readonly #onDead: () => void;
  readonly #pings: ReturnType<typeof setInterval>;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(times: HeartbeatTimes, ping: () => void, onDead: () => void) {
    this.#onDead = onDead;
    this.#pings = setInterval(() => {
      this.#deadline ??= setTimeout(() => this.#askTwice(), times.patienceMs);
      ping();
    }, times.everyMs);
  }

  /** Anything came from the peer. */
  heard(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  stop(): void {
    clearInterval(this.#pings);
    this.heard();
  }

  /**
   * A thread that the official client kept busy runs late timers before it reads its sockets, so what has arrived by
   * now is read first.
   */
  #askTwice(): void {
    this.#deadline = setTimeout(() => {
      this.stop();
      this.#onDead();
    }, LAST_CHANCE_MS);
  }
}
