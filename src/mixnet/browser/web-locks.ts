/**
 * Web Locks with a release function. The browser gives a lock back when the page or worker that holds it goes, however
 * it goes: this is how tabs learn of each other's end.
 *
 * @module
 */
import { MixnetClientError } from '../errors.js';

/**
 * Waits until the lock is held.
 *
 * @returns what gives it back.
 * @throws {MixnetClientError} `identity` if there are no locks.
 * @throws the signal's reason if it aborts before.
 */
export function holdLock(name: string, signal?: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const manager = locks();
    const untilReleased = new Promise<void>((release) => {
      manager
        .request(name, signal ? { signal } : {}, () => {
          resolve(release);
          return untilReleased;
        })
        .catch(reject);
    });
  });
}

/** Settles when nobody holds the lock exclusively; rejects with the signal's reason. */
export async function untilFree(name: string, signal: AbortSignal): Promise<void> {
  await locks().request(name, { mode: 'shared', signal }, () => undefined);
}

/** Whether anybody on this site holds the lock. */
export async function isHeld(name: string): Promise<boolean> {
  const { held = [] } = await locks().query();
  return held.some((lock) => lock.name === name);
}

function locks(): LockManager {
  if ('locks' in navigator) return navigator.locks;
  throw new MixnetClientError(
    'identity',
    'The page cannot keep an identity to itself, nor share it among tabs: it needs Web Locks, which browsers offer on ' +
      'https and on localhost only. Serve the page from there.',
  );
}
