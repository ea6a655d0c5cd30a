import { readFile, rm, stat, writeFile } from 'node:fs/promises';
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

/** Writes a lock file; false if there is one already. */
async function createLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Removes the lock of a process that is gone. Of several that find it, one claims its removal, with a file that is named
 * after this very lock, so that none removes what another has put in its place.
 */
async function removeStale(lock: string): Promise<void> {
  // In this order: if it is replaced in between, its holder is alive.
  const stale = await identityOf(lock);
  const holder = await holderOf(lock);
  if (holder === 'nobody' || stale === undefined) return;
  if (isAlive(holder)) throw inUse(lock, holder);
  const claim = `${lock}.stale-${stale}`;
  if (!(await createLock(claim))) throw await claimed(lock, claim);
  try {
    if ((await identityOf(lock)) === stale) await rm(lock, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
}

/** Another process takes the lock over, or died while it did so. */
async function claimed(lock: string, claim: string): Promise<MixnetClientError> {
  const holder = await holderOf(claim);
  if (holder !== 'nobody' && !isAlive(holder)) await rm(claim, { force: true });
  return inUse(lock, holder);
}

/** Tells a lock file from those that were, or will be, in its place. */
async function identityOf(lock: string): Promise<string | undefined> {
  try {
    const { ino, mtimeNs } = await stat(lock, { bigint: true });
    return `${ino}-${mtimeNs}`;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
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
  const other = typeof holder === 'number' ? `process ${holder}` : 'another process';
  const who = holder === process.pid ? 'another client of this process' : other;
  return new MixnetClientError(
    'identity',
    `The identity is in use by ${who}; two clients with one address would silence each other. ` +
      `Stop it, or give another config directory. If it is no Nym client, delete ${lock}.`,
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
