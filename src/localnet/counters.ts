/** Why a node, or the link behind it, dropped packets. */
export interface DropCounters {
  /** The MAC was not good: changed on the way, or for another node's key. */
  badMac: number;
  /** Made for the key of a key rotation that is over, or has not begun. */
  expiredKey: number;
  /** Not a Sphinx packet that this node can process, though its MAC may be good. */
  malformed: number;
  /** Seen before. */
  replay: number;
  /** The next hop is no node of this network. */
  unknownNextHop: number;
  /** Lost on purpose on the way to the next node; counted by the node that sent it. */
  loss: number;
  /** The node was stopped when the packet came, or while it was held. */
  stopped: number;
  /** The node holds as much as it may, or the way to the next node does. */
  queueFull: number;
  /** Came later, by a busy machine, than its sender waits for it. */
  late: number;
  /** An error inside the localnet. */
  failed: number;
}

/**
 * What a node did with packets, in numbers of packets.
 *
 * What came in is what went out: `received + fromClients + acksReleased` equals `forwarded + final + held` and all of
 * `dropped`.
 */
export interface NodeCounters {
  /** From other nodes, duplicates included. */
  received: number;
  /** From clients of this gateway. */
  fromClients: number;
  /** Acks that this gateway found in final packets and sent on their way. */
  acksReleased: number;
  /** Handed to the next node. */
  forwarded: number;
  /** Arrived: handed to the gateway's client side. */
  final: number;
  /** Handed to the next node a second time on purpose. */
  duplicated: number;
  /** Held right now. */
  held: number;
  dropped: DropCounters;
}

export type DropReason = keyof DropCounters;

/** All zero. */
export function newNodeCounters(): NodeCounters {
  return {
    received: 0,
    fromClients: 0,
    acksReleased: 0,
    forwarded: 0,
    final: 0,
    duplicated: 0,
    held: 0,
    dropped: {
      badMac: 0,
      expiredKey: 0,
      malformed: 0,
      replay: 0,
      unknownNextHop: 0,
      loss: 0,
      stopped: 0,
      queueFull: 0,
      late: 0,
      failed: 0,
    },
  };
}

/** The sum of all. */
export function sumNodeCounters(all: readonly NodeCounters[]): NodeCounters {
  const { dropped: noDrops, ...none } = newNodeCounters();
  return {
    ...sumOf(none, all),
    dropped: sumOf(
      noDrops,
      all.map(({ dropped }) => dropped),
    ),
  };
}

/** Adds up plain objects of numbers, key by key of `zero`. */
export function sumOf<K extends string>(
  zero: Record<K, number>,
  all: readonly Record<NoInfer<K>, number>[],
): Record<K, number> {
  const sum = { ...zero };
  for (const counters of all) for (const key in zero) sum[key] += counters[key];
  return sum;
}
