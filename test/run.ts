/**
 * Runs every test file (or those whose path contains one of the arguments), one after the other, each in a
 * process of its own, and closes with the line `N passed, N failed`.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** A test file that has not ended by then is killed and counts as failed. */
const FILE_TIME_LIMIT_MS = 30 * 60_000;

const wanted = process.argv.slice(2);
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()
  .map((file) => join(import.meta.dirname, file));

if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(' ')}.`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const events = run({ files, concurrency: 1, timeout: FILE_TIME_LIMIT_MS });
events.on('test:pass', (event) => {
  if (event.details.type !== 'suite') passed += 1;
});
events.on('test:fail', (event) => {
  if (event.details.type !== 'suite') failed += 1;
});
const report = events.pipe(new spec());
report.on('end', () => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
});
report.pipe(process.stdout, { end: false });
