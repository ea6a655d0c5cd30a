/**
 * Runs a program for an npm script. npm tells its shell of a signal, and not every shell tells the program: it dies
 * alone. So the program takes the death of its parent for SIGTERM. (`exec` would do, where there is a POSIX shell.)
 */
import { resolve } from 'node:path';
import process from 'node:process';
import { clearInterval, setInterval } from 'node:timers';
import { pathToFileURL } from 'node:url';

const LOOK_EVERY_MS = 250;

const parent = process.ppid;
const looking = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(looking);
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(143);
}, LOOK_EVERY_MS);
looking.unref();

const [, , program = ''] = process.argv;
process.argv.splice(1, 2, resolve(program));
await import(pathToFileURL(resolve(program)).href);
