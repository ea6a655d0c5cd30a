/**
 * How fast many bytes go, and what they cost.
 *
 * @module
 */
import { roundTripFloorMs, slotsOf, usefulBytes, type Direction } from './limits.js';
import { busyMs } from './machine.js';
import type { Measured, Pair } from './pair.js';
import type { Result } from './result.js';
import { spreadOf } from './statistics.js';

const KIB = 1024;
const MB = 1e6;

/**
 * A transfer in a new session over a ready client, from the first byte written to the last one read. The limit is what
 * the slots that the sender had in this run would have carried, and the way of the first packet.
 */
export async function measureTransfer(
  pair: Pair,
  direction: Direction,
  bytes: number,
  runs: number,
): Promise<Result[]> {
  const { policy, traffic } = pair;
  const exchange = direction === 'up' ? { request: bytes, answer: 1 } : { request: 200, answer: bytes };
  const measured: (Measured & { readonly busy: number })[] = [];
  for (let run = 0; run < runs; run += 1) {
    await using client = await pair.client();
    const busyBefore = busyMs();
    const one = await client.measure(exchange);
    measured.push({ ...one, busy: (busyMs() - busyBefore) / one.ms });
  }
  const rate = (of: (one: (typeof measured)[number]) => number) => spreadOf(measured.map(of)).median;
  const sender = ({ client, server }: Measured) => (direction === 'up' ? client : server);
  const limitMs = (one: Measured) => {
    const slotMs = one.ms / slotsOf(traffic, sender(one).frames, one.ms);
    return roundTripFloorMs(traffic) + (bytes / usefulBytes(traffic, direction)) * slotMs;
  };
  return [
    {
      name: direction === 'up' ? 'upload' : 'download',
      policy,
      traffic,
      unit: 'kB/s',
      value: spreadOf(measured.map(({ ms }) => bytes / ms)),
      limit: rate((one) => bytes / limitMs(one)),
      higherIsBetter: true,
      notes: {
        bytes,
        slotsPerSecond: rate((one) => (1000 * slotsOf(traffic, sender(one).frames, one.ms)) / one.ms),
        packetsPerKiB: rate((one) => (KIB * (one.client.packets + one.server.packets)) / bytes),
        surbsPerKiB: rate((one) => (KIB * one.client.surbs) / bytes),
        coresBusy: rate((one) => one.busy),
        cpuSecondsPerMB: rate((one) => (MB * (one.client.cpuS + one.server.cpuS)) / bytes),
        clientMiB: rate((one) => one.client.memoryMiB),
        serverMiB: rate((one) => one.server.memoryMiB),
      },
    },
  ];
}
