import { MixnetClientError } from '../errors.js';
import { holdLock } from './web-locks.js';

/** A page that was just left or reloaded gives its locks back a moment later. */
const PATIENCE_MS = 1_000;

/**
 * Takes an identity for this page, so that no other client of the site uses it, and returns the function that gives it
 * back. The browser gives it back when the page goes.
 *
 * @throws {MixnetClientError} `identity`, if another client uses it, or if there are no locks.
 */
export async function lockIdentity(clientId: string, patienceMs = PATIENCE_MS): Promise<() => void> {
  try {
    return await holdLock(`nym-tcp-proxy identity ${clientId}`, AbortSignal.timeout(patienceMs));
  } catch (error) {
    throw error instanceof MixnetClientError ? error : refusal(clientId, error);
  }
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
