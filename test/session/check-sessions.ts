/**
 * Checks the session protocol with schedules drawn from seeds:
 *
 *     npm run check:sessions -- --schedules 100000 --seed 1
 *
 * A schedule that fails is named by its own seed; with `--schedules 1` and that seed it is repeated.
 */

import { commandNumber, commandOptions } from '../support/command-line.js';
import type { End } from '../support/session-world.js';
import { check, drawSchedule, play } from './schedules.js';

const values = commandOptions('check:sessions', {
  schedules: { type: 'string', default: '100000' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
});
const schedules = commandNumber('check:sessions', '--schedules', values.schedules, { above: 0 });
const firstSeed = commandNumber('check:sessions', '--seed', values.seed);
const startedAt = performance.now();
const outcomes = new Map<string, number>();
for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
  const schedule = drawSchedule(seed);
  try {
    const result = play(schedule);
    check(schedule, result);
    const ends = [result.opener, result.acceptor].map(nameOf).join(' / ');
    outcomes.set(ends, (outcomes.get(ends) ?? 0) + 1);
  } catch (error) {
    console.error(`Seed ${seed} fails: npm run check:sessions -- --schedules 1 --seed ${seed}`);
    console.error({ ...schedule, opener: brief(schedule.opener), acceptor: brief(schedule.acceptor) });
    console.error(schedule.faults, error);
    process.exit(1);
  }
}
const seconds = (performance.now() - startedAt) / 1000;
const rate = Math.round(schedules / seconds);
console.log(`${schedules} schedules from seed ${firstSeed} on, ${seconds.toFixed(1)} s, ${rate} schedules/s`);
for (const [ends, count] of [...outcomes].sort(([, a], [, b]) => b - a)) {
  console.log(`${String(count).padStart(8)}  opener / acceptor: ${ends}`);
}

/** An acceptor that heard of nothing, above all one that was restarted, has nothing to end. */
function nameOf({ engine }: End): string {
  const outcome = engine?.outcome;
  if (outcome === undefined) return 'none';
  return outcome.kind === 'reset' ? outcome.error.code : 'done';
}

function brief(application: object & { readonly writes: readonly Uint8Array[] }): object {
  return { ...application, writes: application.writes.map((bytes) => bytes.length) };
}
