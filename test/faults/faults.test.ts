import { after, before, describe, it } from 'node:test';

import { FAULT_CASES } from './cases.js';
import { transferUnder } from './transfer.js';
import { FaultWorld } from './world.js';

/** What `npm run check:faults` does with 10 MiB. */
const BYTES = 256 * 1024;

const TIME_LIMIT = { timeout: 90_000 };

describe('A transfer both ways', { timeout: 600_000 }, () => {
  let world: FaultWorld;

  before(async () => {
    world = await FaultWorld.start();
  }, TIME_LIMIT);

  after(() => world[Symbol.asyncDispose]());

  for (const fault of FAULT_CASES) {
    if (fault.slow) continue;
    const ends = fault.outcome === 'exact' ? 'arrives exactly' : `is reset with "${fault.outcome}"`;
    it(`${ends} if this befalls it: ${fault.name} (${fault.clients})`, TIME_LIMIT, async () => {
      await transferUnder(world, fault, fault.slowsDown ? BYTES / 4 : BYTES);
    });
  }
});
