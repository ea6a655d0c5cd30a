/**
 * What physics allows, from the official client's own settings (its `default_debug()`, as sphinx.md sections 8 and 9
 * read them): the stream of packets that an observer must not be able to read anything from.
 *
 * @module
 */
import type { TrafficProfile } from '../src/mixnet/options.js';
import {
  ANONYMOUS_OVERHEAD_BYTES,
  EXTENDED_PACKET_BYTES,
  REGULAR_PACKET_BYTES,
  REPLY_OVERHEAD_BYTES,
} from '../src/wire/packet-count.js';

/** Mean time between two packets of the main stream, real ones or decoys. */
const SLOT_MS = 20;

/** Mean time between two packets that a client sends to itself, besides its main stream. */
const LOOP_COVER_MS = 200;

/** Mean time in each of the three mix nodes of a way. */
const MIX_DELAY_MS = 15;
const MIX_NODES = 3;

/** Which way bytes go: up in anonymous messages, down in replies. */
export type Direction = 'up' | 'down';

/** The mean time of the shortest exchange, in ms: both ways through the mixes, and at each end the wait for a slot. */
export function roundTripFloorMs(traffic: TrafficProfile): number {
  const slot = traffic === 'fast' ? 0 : SLOT_MS;
  return 2 * (MIX_NODES * MIX_DELAY_MS + slot);
}

/** Bytes that a packet carries besides what the official client needs. */
export function usefulBytes(traffic: TrafficProfile, direction: Direction): number {
  const packet = traffic === 'bulk' ? EXTENDED_PACKET_BYTES : REGULAR_PACKET_BYTES;
  return packet - (direction === 'up' ? ANONYMOUS_OVERHEAD_BYTES : REPLY_OVERHEAD_BYTES);
}

/** Slots per second by the settings; without a stream of slots there is no limit but the machine. */
export function nominalSlots(traffic: TrafficProfile): number | undefined {
  return traffic === 'fast' ? undefined : 1000 / SLOT_MS;
}

/** Slots that a client had, of the frames that it sent within a time. */
export function slotsOf(traffic: TrafficProfile, frames: number, ms: number): number {
  return traffic === 'fast' ? frames : frames - ms / LOOP_COVER_MS;
}
