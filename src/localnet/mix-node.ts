import { newNodeCounters, type DropReason, type NodeCounters } from './counters.js';
import { DelayQueue } from './delay-queue.js';
import { laterBy, type Arrival, type Link, type Sender } from './link.js';
import type { FinalHop, RoutedPacket } from './packet.js';
import { ReplayFilter } from './replay-filter.js';
import { SphinxError } from './sphinx/errors.js';
import { PACKET_SIZES } from './sphinx/format.js';
import { unwrap, type Unwrapped, type UnwrappedForward } from './sphinx/unwrap.js';
import { FIRST_ROTATION, SphinxKeys, type RotationKey } from './sphinx-keys.js';

/** No node holds a packet longer, whatever it asks for (sphinx.md section 8). */
export const MAX_DELAY_MS = 10_000;

/**
 * A packet that is later than this is dropped: its sender has sent it again by then (sphinx.md section 8). Otherwise a
 * machine that is too busy for a while would be ever busier with packets that nobody waits for.
 */
export const MAX_LATE_MS = 1500;

const SPHINX_PACKET_TYPE = 0;
const KNOWN_SIZES: ReadonlySet<number> = new Set(Object.values(PACKET_SIZES));

export interface MixNodeOptions {
  /** Raw X25519 key, 32 bytes. */
  readonly sphinxPrivateKey: Uint8Array;
  /** The key rotation that the key belongs to; by default the first. */
  readonly keyRotation?: number | undefined;
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
  readonly #keys: SphinxKeys;
  readonly #link: Link;
  readonly #replayFilter: ReplayFilter;
  readonly #onFinal: ((final: FinalHop) => void) | undefined;
  readonly #self: Sender;
  #running = true;
  #fault: string | undefined;

  /** @throws {RangeError} if the key is not 32 bytes long */
  constructor(options: MixNodeOptions, link: Link) {
    const { sphinxPrivateKey: privateKey, keyRotation: rotation = FIRST_ROTATION } = options;
    this.#keys = new SphinxKeys({ privateKey, rotation });
    this.#link = link;
    this.#replayFilter = options.replayFilter ?? new ReplayFilter();
    this.#onFinal = options.onFinal;
    this.#self = { counters: newNodeCounters(), queue: options.queue ?? new DelayQueue() };
  }

  get running(): boolean {
    return this.#running;
  }

  /** Takes the key of the next key rotation, and keeps the present one for packets that are made with it. */
  rotateKey(next: RotationKey): void {
    this.#keys.rotate(next);
  }

  /** Forgets the key of the last key rotation. */
  endKeyOverlap(): void {
    this.#keys.endOverlap();
  }

  /** Why it first dropped a packet for a reason of its own, which should not happen; `undefined` if it never did. */
  get fault(): string | undefined {
    return this.#fault;
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
    const { packetType, keyRotation, packet, lateMs = 0 } = arrival;
    if (lateMs > MAX_LATE_MS) return 'late';
    if (packetType !== SPHINX_PACKET_TYPE || !KNOWN_SIZES.has(packet.length)) return 'malformed';

    const unwrapped = this.#unwrap(keyRotation, packet);
    if (typeof unwrapped === 'string') return unwrapped;
    if (!this.#replayFilter.add(unwrapped.replayTag)) return 'replay';
    if (unwrapped.kind === 'forward') return this.#hold(arrival, unwrapped);

    if (this.#onFinal === undefined) return 'malformed';
    const { destination, payload } = unwrapped;
    this.#onFinal({ destination, payload, packetSize: packet.length, packetType, keyRotation });
    this.#self.counters.final += 1;
    return undefined;
  }

  #unwrap(keyRotation: number, packet: Uint8Array): Unwrapped | DropReason {
    let reason: DropReason = 'expiredKey';
    for (const key of this.#keys.of(keyRotation)) {
      try {
        return unwrap(key, packet);
      } catch (error) {
        if (!(error instanceof SphinxError)) throw error;
        if (error.code !== 'bad-mac') return 'malformed';
        reason = 'badMac';
      }
    }
    return reason;
  }

  #hold(arrival: Arrival, { nextHop, delayNs, packet }: UnwrappedForward): DropReason | undefined {
    const { packetType, keyRotation, lateMs } = arrival;
    const delayMs = Math.min(Number(delayNs) / 1e6, MAX_DELAY_MS);
    const next = { nextHop, packetType, keyRotation, packet, ...(lateMs !== undefined && { lateMs }) };
    const release = (later: number): void => this.#guarded(() => this.#pass(laterBy(next, later)));
    return this.#self.queue.hold(delayMs, packet.length, release) ? undefined : 'queueFull';
  }

  #pass(packet: RoutedPacket): DropReason | undefined {
    if (!this.#running) return 'stopped';
    if (packet.lateMs !== undefined && packet.lateMs > MAX_LATE_MS) return 'late';
    this.#link.send(this.#self, packet);
    return undefined;
  }

  #guarded(action: () => DropReason | undefined): void {
    try {
      const reason = action();
      if (reason !== undefined) this.#self.counters.dropped[reason] += 1;
    } catch (error) {
      this.#fault ??= error instanceof Error ? error.message : String(error);
      this.#self.counters.dropped.failed += 1;
    }
  }
}
