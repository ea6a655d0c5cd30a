/**
 * `npm run soak -- --minutes 30 --seed N --json report.json`: mixed load and random faults over a localnet of its own.
 * Ends with a report, and with 1 if a byte was wrong, a connection hung or was reset without a reason, or memory or
 * handles grew. SIGINT ends it early. A seed repeats what is drawn, not the order in which things happen.
 *
 * @module
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

import { soakReport } from './report.js';
import { soak } from './soak.js';
import { verdict } from './verdict.js';
import { SoakWorld } from './world.js';
import { commandNumber, commandOptions } from '../support/command-line.js';

const values = commandOptions('soak', {
  minutes: { type: 'string', default: '30' },
  seed: { type: 'string' },
  json: { type: 'string' },
});
const minutes = commandNumber('soak', '--minutes', values.minutes, { above: 0, whole: false });
const seed = commandNumber('soak', '--seed', values.seed ?? randomInt(2 ** 31));
console.log(`${minutes} minutes, seed ${seed}`);

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

await using world = await SoakWorld.start();
const log = await soak(
  world,
  seed,
  minutes * 60_000,
  interrupted.signal,
  ({ startedAt, streams, faults }) => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(`${seconds} s: ${streams.length} connections, ${faults.length} faults`);
  },
);
const wrong = verdict(log);
console.log(`\n${soakReport(log, world.resets)}\n`);
for (const line of wrong) console.log(line);
console.log(wrong.length === 0 ? 'Verdict: well.' : `Verdict: ${wrong.length} things wrong.`);
if (values.json !== undefined) {
  const report = { minutes, seed, wrong, ...log, resets: Object.fromEntries(world.resets) };
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
process.exitCode = wrong.length === 0 ? 0 : 1;
