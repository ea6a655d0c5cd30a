import type { NodeCounters } from './counters.js';
import type { DelayQueue } from './delay-queue.js';
import { NO_FAULTS, type Faults, type RandomSource } from './faults.js';
import { formatNodeAddress } from './node-address.js';
import type { RoutedPacket } from './packet.js';

/** A packet that has reached its next hop. */
export type Arrival = Omit<RoutedPacket, 'nextHop'>;

/** Takes packets for one node; false if the way to it is full. */
export type Destination = (arrival: Arrival) => boolean;

/** What the link needs of the node that hands it a packet. */
export interface Sender {
  readonly counters: NodeCounters;
  readonly queue: DelayQueue;
}

/** The network between nodes, as one thread sees it, with the faults it is told to have. */
export class Link {
  faults: Faults = NO_FAULTS;
  readonly #destinations: ReadonlyMap<string, Destination>;
  readonly #random: RandomSource;

  /** @param destinations by {@link formatNodeAddress} of the canonical address */
  constructor(destinations: ReadonlyMap<string, Destination>, random: RandomSource = Math.random) {
    this.#destinations = destinations;
    this.#random = random;
  }

  /** Hands a packet to its next hop, or counts with the sender why not. */
  send(sender: Sender, { nextHop, ...arrival }: RoutedPacket): void {
    const { dropped } = sender.counters;
    const destination = this.#destinations.get(formatNodeAddress(nextHop));
    if (destination === undefined) {
      dropped.unknownNextHop += 1;
      return;
    }
    const { loss, duplication, extraDelayMs } = this.faults;
    if (this.#random() < loss) {
      dropped.loss += 1;
      return;
    }
    const twice = this.#random() < duplication;
    const deliver = (lateMs: number): void =>
      handOver(sender.counters, destination, lateMs === 0 ? arrival : laterBy(arrival, lateMs), twice);
    if (extraDelayMs === 0) deliver(0);
    else if (!sender.queue.hold(extraDelayMs, arrival.packet.length, deliver)) dropped.queueFull += 1;
  }
}

/** The same packet, so much later. */
export function laterBy<P extends Arrival>(packet: P, lateMs: number): P {
  return { ...packet, lateMs: (packet.lateMs ?? 0) + lateMs };
}

function handOver(counters: NodeCounters, destination: Destination, arrival: Arrival, twice: boolean): void {
  if (!destination(arrival)) {
    counters.dropped.queueFull += 1;
    return;
  }
  counters.forwarded += 1;
  if (twice && destination(arrival)) counters.duplicated += 1;
}
