import { after, before, describe, it } from 'node:test';

import { FAULT_CASES } from './cases.js';
import { transferUnder } from './transfer.js';
import { FaultWorld } from './world.js';

/** What `npm run check:faults` does with 10 MiB. */
const BYTES = 256 * 1024;

const TIME_LIMIT = { timeout: 90_000 };

/** Where every packet meets odds, on a machine that has other things to do. */
const LONG_TIME_LIMIT = { timeout: 240_000 };

describe('A transfer both ways', { timeout: 600_000 }, () => {
  let world: FaultWorld;

  before(async () => {
    world = await FaultWorld.start();
  }, TIME_LIMIT);

  after(() => world[Symbol.asyncDispose]());

  for (const fault of FAULT_CASES) {
    if (fault.slow) continue;
    const ends = fault.outcome === 'exact' ? 'arrives exactly' : `is reset with "${fault.outcome}"`;
    const limit = fault.slowsDown ? LONG_TIME_LIMIT : TIME_LIMIT;
    it(`${ends} if this befalls it: ${fault.name} (${fault.clients})`, limit, async () => {
      await transferUnder(world, fault, fault.slowsDown ? BYTES / 8 : BYTES);
    });
  }
});
