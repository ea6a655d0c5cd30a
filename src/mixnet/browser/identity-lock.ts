import { MixnetClientError } from '../errors.js';

/** A page that was just left or reloaded gives its locks back a moment later. */
const PATIENCE_MS = 1_000;

/**
 * Takes an identity for this page, so that no other client of the site uses it, and returns the function that gives it
 * back. The browser gives it back when the page goes.
 *
 * @throws {MixnetClientError} `identity`, if another client uses it, or if there are no locks.
 */
export function lockIdentity(clientId: string, patienceMs = PATIENCE_MS): Promise<() => void> {
  return new Promise((resolve, reject) => {
    // Browsers have it on https and localhost only.
    if (!('locks' in navigator)) {
      reject(
        new MixnetClientError(
          'identity',
          'The page cannot keep an identity to itself: it needs Web Locks, which browsers offer on https and on ' +
            'localhost only. Serve the page from there.',
        ),
      );
      return;
    }
    const untilGivenBack = new Promise<void>((giveBack) => {
      navigator.locks
        .request(`nym-tcp-proxy identity ${clientId}`, { signal: AbortSignal.timeout(patienceMs) }, () => {
          resolve(giveBack);
          return untilGivenBack;
        })
        .catch((error: unknown) => reject(refusal(clientId, error)));
    });
  });
}

function refusal(clientId: string, error: unknown): MixnetClientError {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new MixnetClientError(
      'identity',
      `The identity "${clientId}" is in use by another tab, or by another client of this page; two clients with one ` +
        'address would silence each other. Close it, or give another clientId.',
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return new MixnetClientError('identity', `The identity "${clientId}" cannot be locked: ${why}`, {
    cause: error,
  });
}
