/**
 * `npm run check:faults -- --mebibytes 10 --only gateway`: what the tests do with less, and what takes them too long.
 * Prints what became of each transfer and how long it took to recover.
 *
 * @module
 */

import { commandNumber, commandOptions } from '../support/command-line.js';
import { inSeconds, textTable } from '../support/text-table.js';
import { MEBIBYTE } from '../support/tunnel.js';
import { FAULT_CASES } from './cases.js';
import { stopReading } from './slow-reader.js';
import { transferUnder } from './transfer.js';
import { FaultWorld } from './world.js';

const STOP_MS = 60_000;

const SLOW_READER = 'the reader stops for a minute';

const values = commandOptions('check:faults', {
  mebibytes: { type: 'string', default: '10' },
  only: { type: 'string', default: '' },
});
const mebibytes = commandNumber('check:faults', '--mebibytes', values.mebibytes, { above: 0, whole: false });
const bytes = Math.ceil(mebibytes * MEBIBYTE);
const wanted = FAULT_CASES.filter(({ name }) => name.includes(values.only));
const rows: (string | number | undefined)[][] = [];
let failures = 0;

console.log(`${values.mebibytes} MiB each way over one connection; times in seconds.`);
for (const fault of wanted) {
  // A fault that broke something must not break the next.
  await using world = await FaultWorld.start();
  try {
    const { tookMs, longestPauseMs, resetAfterMs, nextMs } = await transferUnder(world, fault, bytes);
    const times = [tookMs, longestPauseMs, resetAfterMs, nextMs].map(inSeconds);
    rows.push([fault.name, fault.clients, fault.outcome, ...times]);
    console.log(
      `${fault.name} (${fault.clients}): ${fault.outcome}, as it should be, ${inSeconds(tookMs)} s`,
    );
  } catch (error) {
    failures += 1;
    rows.push([fault.name, fault.clients, 'WRONG', undefined, undefined, undefined, undefined]);
    console.error(`${fault.name} (${fault.clients}):`, error);
  }
}
if (SLOW_READER.includes(values.only)) {
  await using world = await FaultWorld.start();
  try {
    const { serverMiB, clientMiB } = await stopReading(world, bytes, STOP_MS);
    const list = (series: readonly number[]) => series.map((mebibytes) => Math.round(mebibytes)).join(', ');
    console.log(`${SLOW_READER}: flat; the server's process ${list(serverMiB)} MiB,`);
    console.log(`  the client's ${list(clientMiB)} MiB; afterwards every byte was there`);
  } catch (error) {
    failures += 1;
    console.error(`${SLOW_READER}:`, error);
  }
}
console.log();
console.log(textTable(['fault', 'clients', 'outcome', 'took', 'longest pause', 'reset after', 'next'], rows));
console.log(failures === 0 ? 'All as the README says.' : `${failures} not as the README says.`);
process.exitCode = failures === 0 ? 0 : 1;
