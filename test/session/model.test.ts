import { describe, it } from 'node:test';

import { check, drawSchedule, play } from './schedules.js';

/** What `npm run check:sessions` does for longer and from any seed. */
const SCHEDULES = 100_000;

const BATCH = 10_000;

describe(`${SCHEDULES} schedules of loss, repetition, reordering, dying clients and sleep`, () => {
  for (let first = 0; first < SCHEDULES; first += BATCH) {
    it(`end well from seed ${first} on`, () => {
      for (let seed = first; seed < first + BATCH; seed += 1) {
        const schedule = drawSchedule(seed);
        try {
          check(schedule, play(schedule));
        } catch (cause) {
          throw new Error(`fails: npm run check:sessions -- --schedules 1 --seed ${seed}`, { cause });
        }
      }
    });
  }
});
