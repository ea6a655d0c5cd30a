/** How long the estimate is believed without a packet leaving. */
export const STALE_AFTER_MS = 2_000;

interface Waiter {
  readonly limit: number;
  readonly resolve: () => void;
}

/**
 * An estimate of the packets that wait inside the official client, which takes messages without bound and says
 * nothing of their progress.
 *
 * Every message adds its packets, every frame that leaves takes one away. The estimate runs low, since decoys,
 * acknowledged resends and SURB requests leave as frames too; it runs high when the client drops a message or a reply
 * waits for SURBs. So after {@link STALE_AFTER_MS} without a frame it is forgotten: nobody waits for ever.
 */
export class PacketQueue {
  #ahead = 0;
  #waiters: Waiter[] = [];
  #stale: ReturnType<typeof setTimeout> | undefined;

  /** Packets that wait, probably. */
  get ahead(): number {
    return this.#ahead;
  }

  /** A message of that many packets was handed to the client. */
  add(packets: number): void {
    this.#ahead += packets;
    if (this.#ahead === packets) this.#restartStaleTimer();
  }

  /** One packet left. */
  left(): void {
    if (this.#ahead > 0) this.#set(this.#ahead - 1);
  }

  /** Settles as soon as at most `limit` packets wait. */
  whenAtMost(limit: number): Promise<void> {
    if (this.#ahead <= limit) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ limit, resolve }));
  }

  #set(ahead: number): void {
    this.#ahead = ahead;
    this.#restartStaleTimer();
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter((waiter) => ahead <= waiter.limit);
    this.#waiters = this.#waiters.filter((waiter) => ahead > waiter.limit);
    for (const waiter of ready) waiter.resolve();
  }

  #restartStaleTimer(): void {
    clearTimeout(this.#stale);
    this.#stale = this.#ahead === 0 ? undefined : setTimeout(() => this.#set(0), STALE_AFTER_MS);
  }
}
