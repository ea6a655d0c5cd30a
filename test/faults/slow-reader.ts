import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { Pattern, PatternReader, sendPattern } from '../support/pattern.js';
import type { FaultWorld } from './world.js';

/** What both processes may hold more, while a reader sleeps, than while it reads. */
const FLAT_MIB = 24;

const SAMPLES = 6;

/** What was seen while nobody read; MiB. */
export interface SlowReaderReport {
  readonly serverMiB: readonly number[];
  readonly clientMiB: readonly number[];
}

/**
 * A download of `bytes` whose reader stops in the middle for `stopMs`: the memory of both ends' processes stays flat, and
 * afterwards every byte is there.
 *
 * @throws {AssertionError} if it does not, or they are not.
 */
export async function stopReading(
  world: FaultWorld,
  bytes: number,
  stopMs: number,
): Promise<SlowReaderReport> {
  const pattern = new Pattern(bytes);
  const ticket = world.upstream.ticket((accepted) => void sendPattern(accepted.resume(), pattern));
  const socket = await world.connect('per-connection');
  const reader = new PatternReader(socket, pattern);
  socket.write(ticket.bytes);
  await reader.until(bytes / 8);
  reader.pause();
  const serverMiB: number[] = [];
  const clientMiB: number[] = [];
  for (let n = 0; n < SAMPLES; n += 1) {
    await pause(stopMs / SAMPLES);
    serverMiB.push((await world.server.sample()).rssMiB);
    clientMiB.push((await world.clients.sample()).rssMiB);
  }
  assert.ok(!reader.complete, 'everything had arrived before the reader stopped');
  for (const series of [serverMiB, clientMiB]) {
    const [first = 0] = series;
    assert.ok(
      Math.max(...series) <= first + FLAT_MIB,
      `memory grew: ${series.map(Math.round).join(', ')} MiB`,
    );
  }
  reader.resume();
  assert.equal(await reader.ended, 'whole');
  socket.end();
  ticket.forget();
  return { serverMiB, clientMiB };
}
