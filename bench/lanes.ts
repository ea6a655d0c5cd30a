/**
 * How many times the bytes a connection carries over several mixnet clients of both ends.
 *
 * @module
 */
import type { TrafficProfile } from '../src/mixnet/options.js';
import { inTime } from './in-time.js';
import type { Direction } from './limits.js';
import { busyMs, CORES } from './machine.js';
import type { BenchNetwork } from './network.js';
import { OurSession } from './policy.js';
import type { Result } from './result.js';
import { BenchServer } from './server.js';
import { spreadOf } from './statistics.js';
import { dialLanes, type LanesEnd } from './lane-ends.js';

const KIB = 1024;

/** What one lane carries of a transfer: several seconds' worth at 80 ms a slot. */
const LANE_BYTES: Readonly<Record<TrafficProfile, number>> = {
  default: 384 * KIB,
  bulk: 4096 * KIB,
  fast: 1024 * KIB,
};

/** Mixnet clients at each end. */
export const SEVERAL_LANES = 4;

/**
 * Mean time between two packets, in ms: longer than the 20 of the profiles, so that the CPU is not what limits eight
 * mixnet clients on one machine.
 */
export const LANES_SLOT_MS = 80;

/** How long clients that carry nothing are looked at. */
const IDLE_MS = 6000;

/**
 * Transfers over one lane and over several, both ways. The limit is what so many times the one lane would carry.
 */
export async function measureLanes(
  network: BenchNetwork,
  traffic: TrafficProfile,
  runs: number,
): Promise<Result[]> {
  const results: Result[] = [];
  const slotMs = LANES_SLOT_MS;
  for (const lanes of [1, SEVERAL_LANES]) {
    const measured = await transfersOver(network, { traffic, lanes, slotMs }, runs);
    for (const direction of ['up', 'down'] as const) {
      const name = nameOf(direction, lanes);
      const one = results.find((result) => result.name === nameOf(direction, 1));
      results.push({
        name,
        policy: 'ours',
        traffic,
        unit: 'kB/s',
        value: spreadOf(measured[direction].map(({ rate }) => rate)),
        limit: one && lanes * one.value.median,
        higherIsBetter: true,
        notes: { coresBusy: spreadOf(measured[direction].map(({ busy }) => busy)).median },
      });
    }
  }
  return results;
}

interface Transfer {
  /** In kB/s. */
  readonly rate: number;
  /** Cores of the machine that were busy, on average. */
  readonly busy: number;
}

async function transfersOver(
  { apiUrl }: BenchNetwork,
  end: LanesEnd,
  runs: number,
): Promise<Record<Direction, Transfer[]>> {
  await using server = await BenchServer.start({ kind: 'lanes', apiUrl, ...end });
  const dialer = await dialLanes(apiUrl, server.address, end);
  const bytes = end.lanes * LANE_BYTES[end.traffic];
  const measured: Record<Direction, Transfer[]> = { up: [], down: [] };
  try {
    for (let run = 0; run < runs; run += 1) {
      for (const direction of ['up', 'down'] as const) {
        const { connection: session } = await dialer.dial();
        const exchange = direction === 'up' ? { request: bytes, answer: 1 } : { request: 200, answer: bytes };
        const began = performance.now();
        const busyBefore = busyMs();
        await inTime(new OurSession(session).exchange(exchange));
        const ms = performance.now() - began;
        measured[direction].push({ rate: bytes / ms, busy: (busyMs() - busyBefore) / ms });
      }
    }
  } finally {
    await dialer.close();
  }
  return measured;
}

/** Cores that the clients of both ends keep busy with the profile's own 20 ms a packet, before they carry anything. */
export async function measureIdle({ apiUrl }: BenchNetwork, traffic: TrafficProfile): Promise<Result> {
  const end: LanesEnd = { traffic, lanes: SEVERAL_LANES, slotMs: 20 };
  await using server = await BenchServer.start({ kind: 'lanes', apiUrl, ...end });
  const dialer = await dialLanes(apiUrl, server.address, end);
  const [began, busyBefore] = [performance.now(), busyMs()];
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const busy = (busyMs() - busyBefore) / (performance.now() - began);
  await dialer.close();
  return {
    name: `idle, ${SEVERAL_LANES} lanes at both ends`,
    policy: 'ours',
    traffic,
    unit: 'cores',
    value: spreadOf([busy]),
    limit: CORES,
    higherIsBetter: false,
  };
}

/** What a transfer is called. */
export function nameOf(direction: Direction, lanes: number): string {
  return `${direction}load, ${lanes} lane${lanes === 1 ? '' : 's'}, slots of ${LANES_SLOT_MS} ms`;
}
