/** What a connection takes of the memory for all: bytes held for it, and those that its peer may still send. */
export interface Taken {
  /** Whose it is: a mixnet client's at the other end, say. */
  readonly owner: string;
  readonly bytes: number;
}

/** No window is limited to less, so that every connection goes on, however many there are. */
export const MIN_WINDOW = 16 * 1024;

/**
 * Of the memory, what windows are granted from. The rest is for what is granted without being asked: the first 64 KiB
 * of each session, which at 1024 sessions and 256 MiB come to a quarter.
 */
const SHARED = 0.75;

/** What is still free is promised to one connection, and to one owner, only in part, as others may come. */
const PER_CONNECTION = 1 / 64;
const PER_OWNER = 1 / 2;

/**
 * How large a window each connection may grant. All may grant the same part of the memory that is *free*, so that
 * windows shrink as it fills, and grow as it empties (the dynamic thresholds of Choudhury and Hahne for switches with
 * shared memory). It never fills that way: with `n` connections at their limits, each has 1/(n + 64) of it, and the same
 * is left for the next one. Connections of one owner divide what that owner may have.
 */
export class WindowShares {
  readonly #free: number;
  readonly #connections = new Map<string, number>();

  /** @param maxBytes the memory for all; 0 is no limit. */
  constructor(taken: Iterable<Taken>, maxBytes: number) {
    let free = maxBytes === 0 ? Infinity : maxBytes * SHARED;
    for (const { owner, bytes } of taken) {
      free -= bytes;
      this.#connections.set(owner, (this.#connections.get(owner) ?? 0) + 1);
    }
    this.#free = Math.max(0, free);
  }

  /** Bytes that a connection of this owner may grant its peer at once; it is counted already, or about to come. */
  limitOf(owner: string): number {
    const connections = Math.max(1, this.#connections.get(owner) ?? 0);
    const share = this.#free * Math.min(PER_CONNECTION, PER_OWNER / connections);
    return Math.max(MIN_WINDOW, Math.floor(share));
  }
}
