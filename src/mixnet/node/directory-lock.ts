import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { MixnetClientError } from '../errors.js';

/** Lock files that this process holds: after a crash in a container, its successor often gets the same pid. */
const held = new Set<string>();

/**
 * Takes a directory for this process and returns the function that gives it back, which never rejects.
 *
 * The lock is a file with the holder's pid; one whose holder is gone is taken over.
 *
 * @throws {MixnetClientError} `identity`, if another client uses the directory.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const lock = join(directory, 'lock');
  if (held.has(lock)) throw inUse(lock, process.pid);
  held.add(lock);
  try {
    await takeLock(lock);
  } catch (error) {
    held.delete(lock);
    throw error;
  }
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    // A lock that cannot be removed is stale for whoever comes next.
    await rm(lock, { force: true }).catch(() => undefined);
    held.delete(lock);
  };
}

async function takeLock(lock: string): Promise<void> {
  if (await createLock(lock)) return;
  await removeStale(lock);
  if (!(await createLock(lock))) throw inUse(lock, await holderOf(lock));
}

/** Writes the lock file; false if there is one already. */
async function createLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Moves the lock of a process that is gone aside, and back again if another process was quicker to replace it. */
async function removeStale(lock: string): Promise<void> {
  const holder = await holderOf(lock);
  if (holder === 'nobody') return;
  if (isAlive(holder)) throw inUse(lock, holder);
  const aside = `${lock}.stale.${process.pid}`;
  await rename(lock, aside);
  const moved = await holderOf(aside);
  if (moved === holder) return rm(aside);
  await rename(aside, lock);
  throw inUse(lock, moved);
}

/** A process by its pid; `unknown` while it is still writing it. */
type Holder = number | 'nobody' | 'unknown';

async function holderOf(lock: string): Promise<Holder> {
  try {
    const pid = Number(await readFile(lock, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : 'unknown';
  } catch (error) {
    if (isCode(error, 'ENOENT')) return 'nobody';
    throw error;
  }
}

function isAlive(holder: number | 'unknown'): boolean {
  if (holder === 'unknown') return true;
  // A lock of this pid that this process does not hold is from an earlier life.
  if (holder === process.pid) return false;
  try {
    process.kill(holder, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function inUse(lock: string, holder: Holder): MixnetClientError {
  const who = holder === process.pid ? 'another client of this process' : `process ${holder}`;
  return new MixnetClientError(
    'identity',
    `The identity is in use by ${who}; two clients with one address would silence each other. ` +
      `Stop it, or give another config directory. If it is no Nym client, delete ${lock}.`,
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
