/**
 * How long small exchanges take.
 *
 * @module
 */
import type { TrafficProfile } from '../src/mixnet/options.js';
import { nominalSlots, roundTripFloorMs } from './limits.js';
import type { Pair } from './pair.js';
import type { Exchange } from './request.js';
import type { Result } from './result.js';
import { spreadOf } from './statistics.js';

/** A small exchange. */
export const SMALL: Exchange = { request: 200, answer: 1000 };

/** Exchanges in a session that is open already, per new client. */
const IN_OPEN_SESSION = 2;

/** How long a transfer runs before something is asked beside it. */
const UNDER_WAY_MS = 1500;

/** A small exchange in a new session over a ready client, and in a session that is open already. */
export async function measureRoundTrips(pair: Pair, runs: number): Promise<Result[]> {
  const fresh: number[] = [];
  const open: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await using client = await pair.client();
    const session = client.open();
    fresh.push(await client.time(SMALL, session));
    for (let n = 0; n < IN_OPEN_SESSION; n += 1) open.push(await client.time(SMALL, session));
  }
  return [
    { ...time(pair, 'round trip, new session', fresh), limit: roundTripFloorMs(pair.traffic) },
    { ...time(pair, 'round trip, open session', open), limit: roundTripFloorMs(pair.traffic) },
  ];
}

/** The same without sessions, of times in ms; shown beside ours. */
export function aloneResult(traffic: TrafficProfile, times: readonly number[]): Result {
  const limit = roundTripFloorMs(traffic);
  return { ...time({ policy: 'ours', traffic }, 'official client alone', times), limit };
}

/** Many small exchanges at once, each in a session of its own, over one client; the time until the last one is done. */
export async function measureParallel(pair: Pair, count: number, runs: number): Promise<Result[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await using client = await pair.client();
    const began = performance.now();
    await Promise.all(Array.from({ length: count }, () => client.time(SMALL)));
    times.push(performance.now() - began);
  }
  const slots = nominalSlots(pair.traffic);
  const limit = slots && roundTripFloorMs(pair.traffic) + ((count - 1) * 1000) / slots;
  return [{ ...time(pair, `${count} round trips at once`, times), limit }];
}

/** Small exchanges in new sessions, while the client carries a transfer in either direction, and while it does not. */
export async function measureBeside(pair: Pair, bytes: number, runs: number): Promise<Result[]> {
  const results: Result[] = [];
  for (const [name, transfer] of [
    ['an upload', { request: bytes, answer: 1 }],
    ['a download', { request: 200, answer: bytes }],
  ] as const) {
    await using client = await pair.client();
    const idle: number[] = [];
    for (let run = 0; run < runs; run += 1) idle.push(await client.time(SMALL));
    // Longer than what it is measured beside; ends with its client.
    client.time(transfer).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, UNDER_WAY_MS));
    const beside: number[] = [];
    for (let run = 0; run < runs; run += 1) beside.push(await client.time(SMALL));
    const quiet = spreadOf(idle).median;
    results.push({
      ...time(pair, `round trip beside ${name}`, beside),
      limit: quiet,
      notes: { idleMs: quiet },
    });
  }
  return results;
}

function time(
  { policy, traffic }: Pick<Pair, 'policy' | 'traffic'>,
  name: string,
  times: readonly number[],
): Result {
  return { name, policy, traffic, unit: 'ms', value: spreadOf(times), higherIsBetter: false };
}
