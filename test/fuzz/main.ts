/**
 * `npm run fuzz -- --inputs 1000000 --seed N`: the same as the test, for longer. A seed repeats a run, save for session
 * ids and times.
 *
 * @module
 */
import { randomInt } from 'node:crypto';

import { fuzz } from './fuzz.js';
import { fuzzHttp } from './http-fuzz.js';
import { Random } from './random.js';
import { fuzzStreams } from './stream-fuzz.js';
import { commandNumber, commandOptions } from '../support/command-line.js';

const values = commandOptions('fuzz', { inputs: { type: 'string' }, seed: { type: 'string' } });
const inputs = commandNumber('fuzz', '--inputs', values.inputs ?? 1_000_000, { above: 0 });
const seed = commandNumber('fuzz', '--seed', values.seed ?? randomInt(2 ** 31));
console.log(`${inputs} inputs, seed ${seed}`);

const startedAt = performance.now();
const before = process.memoryUsage().heapUsed;
const report = await fuzz(inputs, seed);
console.log(report, await fuzzStreams(Math.ceil(inputs / 3), seed));
console.log(fuzzHttp(Math.ceil(inputs / 5), new Random(seed)));
const seconds = (performance.now() - startedAt) / 1000;
console.log(`heap before ${mebibytes(before)} MiB, after ${mebibytes(process.memoryUsage().heapUsed)} MiB`);
console.log(`${seconds.toFixed(1)} s, ${Math.round(inputs / seconds)} inputs/s; nothing broke.`);

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
