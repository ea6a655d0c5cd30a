import type { KeyObject } from 'node:crypto';

import { newNodeCounters, type DropReason, type NodeCounters } from './counters.js';
import { DelayQueue } from './delay-queue.js';
import type { Arrival, Link, Sender } from './link.js';
import type { FinalHop, RoutedPacket } from './packet.js';
import { ReplayFilter } from './replay-filter.js';
import { SphinxError } from './sphinx/errors.js';
import { PACKET_SIZES } from './sphinx/format.js';
import { unwrap, type Unwrapped, type UnwrappedForward } from './sphinx/unwrap.js';
import { importPrivateKey } from './sphinx/x25519.js';

/** No node holds a packet longer, whatever it asks for (sphinx.md section 8). */
export const MAX_DELAY_MS = 10_000;

const SPHINX_PACKET_TYPE = 0;
const KNOWN_SIZES: ReadonlySet<number> = new Set(Object.values(PACKET_SIZES));

export interface MixNodeOptions {
  /** Raw X25519 key, 32 bytes. */
  readonly sphinxPrivateKey: Uint8Array;
  readonly queue?: DelayQueue;
  readonly replayFilter?: ReplayFilter;
  /** Takes the packets whose last hop this is; without it they are dropped, as by a mix node. */
  readonly onFinal?: (final: FinalHop) => void;
}

/**
 * What every node does with Sphinx packets: unwrap, drop replays, hold for the delay that the packet asks for, pass
 * on. Nothing a packet contains makes it throw.
 */
export class MixNode {
  readonly #key: KeyObject;
  readonly #link: Link;
  readonly #replayFilter: ReplayFilter;
  readonly #onFinal: ((final: FinalHop) => void) | undefined;
  readonly #self: Sender;
  #running = true;

  /** @throws {RangeError} if the key is not 32 bytes long */
  constructor(options: MixNodeOptions, link: Link) {
    this.#key = importPrivateKey(options.sphinxPrivateKey);
    this.#link = link;
    this.#replayFilter = options.replayFilter ?? new ReplayFilter();
    this.#onFinal = options.onFinal;
    this.#self = { counters: newNodeCounters(), queue: options.queue ?? new DelayQueue() };
  }

  get running(): boolean {
    return this.#running;
  }

  /** A packet from another node. */
  receive(arrival: Arrival): void {
    this.#self.counters.received += 1;
    this.#guarded(() => this.#process(arrival));
  }

  /** A packet that starts its way here: from a client of this gateway, or an ack it releases. */
  originate(packet: RoutedPacket): void {
    const { counters } = this.#self;
    // A client's packet is never as small as an ack (gateway.md section 6.1).
    if (packet.packet.length === PACKET_SIZES.ack) counters.acksReleased += 1;
    else counters.fromClients += 1;
    this.#guarded(() => this.#pass(packet));
  }

  /** From now on every packet is dropped, and all that is held is lost. */
  stop(): void {
    this.#running = false;
    this.#self.counters.dropped.stopped += this.#self.queue.clear();
  }

  /** Goes on after {@link stop}, with the same key and still knowing what it saw. */
  start(): void {
    this.#running = true;
  }

  /** A copy of the counters. */
  counters(): NodeCounters {
    const { counters, queue } = this.#self;
    return { ...counters, held: queue.size, dropped: { ...counters.dropped } };
  }

  /** What happens to a packet; if it is dropped, why. */
  #process(arrival: Arrival): DropReason | undefined {
    if (!this.#running) return 'stopped';
    const { packetType, keyRotation, packet } = arrival;
    if (packetType !== SPHINX_PACKET_TYPE || !KNOWN_SIZES.has(packet.length)) return 'malformed';

    const unwrapped = this.#unwrap(packet);
    if (typeof unwrapped === 'string') return unwrapped;
    if (!this.#replayFilter.add(unwrapped.replayTag)) return 'replay';
    if (unwrapped.kind === 'forward') return this.#hold(arrival, unwrapped);

    if (this.#onFinal === undefined) return 'malformed';
    const { destination, payload } = unwrapped;
    this.#onFinal({ destination, payload, packetSize: packet.length, packetType, keyRotation });
    this.#self.counters.final += 1;
    return undefined;
  }

  #unwrap(packet: Uint8Array): Unwrapped | DropReason {
    try {
      return unwrap(this.#key, packet);
    } catch (error) {
      if (!(error instanceof SphinxError)) throw error;
      return error.code === 'bad-mac' ? 'badMac' : 'malformed';
    }
  }

  #hold(arrival: Arrival, { nextHop, delayNs, packet }: UnwrappedForward): DropReason | undefined {
    const { packetType, keyRotation } = arrival;
    const delayMs = Math.min(Number(delayNs) / 1e6, MAX_DELAY_MS);
    const release = (): void => this.#guarded(() => this.#pass({ nextHop, packetType, keyRotation, packet }));
    return this.#self.queue.hold(delayMs, packet.length, release) ? undefined : 'queueFull';
  }

  #pass(packet: RoutedPacket): DropReason | undefined {
    if (!this.#running) return 'stopped';
    this.#link.send(this.#self, packet);
    return undefined;
  }

  #guarded(action: () => DropReason | undefined): void {
    try {
      const reason = action();
      if (reason !== undefined) this.#self.counters.dropped[reason] += 1;
    } catch {
      this.#self.counters.dropped.failed += 1;
    }
  }
}
