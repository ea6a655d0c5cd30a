import { v4 as uuid } from 'uuid';

import { deleteIdentity, ephemeralIdentities, noteEphemeral } from './identity-database.js';
import { lockIdentity } from './identity-lock.js';

/** Used when the caller gives no other. */
export const DEFAULT_CLIENT_ID = 'nym-tcp-proxy';

const EPHEMERAL_PREFIX = 'nym-tcp-proxy-ephemeral-';

/** An identity that this page holds. */
export interface HeldIdentity {
  readonly clientId: string;
  readonly ephemeral: boolean;
  /** Lets go of it, and deletes it if it is ephemeral. Never rejects; later calls do nothing more. */
  release(): Promise<void>;
}

/**
 * Takes the identity under `clientId`, which need not exist yet.
 *
 * @throws {MixnetClientError} `identity`, if another client uses it.
 */
export async function holdIdentity(clientId: string): Promise<HeldIdentity> {
  const unlock = await lockIdentity(clientId);
  return {
    clientId,
    ephemeral: false,
    release: () => {
      unlock();
      return Promise.resolve();
    },
  };
}

/**
 * Takes a new identity that is deleted when it is released. Those of pages that died before they could are deleted now.
 *
 * @throws {MixnetClientError} `identity`, if the browser's storage cannot be used.
 */
export async function holdEphemeralIdentity(): Promise<HeldIdentity> {
  const clientId = EPHEMERAL_PREFIX + uuid();
  const unlock = await lockIdentity(clientId);
  try {
    await noteEphemeral(clientId);
  } catch (error) {
    unlock();
    throw error;
  }
  void sweepEphemeralIdentities();
  let released: Promise<void> | undefined;
  // What cannot be deleted now is swept at the next start.
  const release = () =>
    deleteIdentity(clientId)
      .catch(() => undefined)
      .finally(unlock);
  return { clientId, ephemeral: true, release: () => (released ??= release()) };
}

/**
 * Deletes all that is kept in this browser under `clientId`: keys, Nym address, remembered gateway. The next client
 * under that name has another Nym address.
 *
 * @throws {MixnetClientError} `identity`, if a client uses it, here or in another tab.
 */
export async function forgetIdentity(clientId = DEFAULT_CLIENT_ID): Promise<void> {
  const unlock = await lockIdentity(clientId);
  await deleteIdentity(clientId).finally(unlock);
}

/** Deletes the ephemeral identities that nobody holds. Never rejects. */
async function sweepEphemeralIdentities(): Promise<void> {
  const noted = await ephemeralIdentities().catch(() => []);
  for (const clientId of noted) {
    // In use, or still in use: the next sweep will see.
    await forgetIdentity(clientId).catch(() => undefined);
  }
}
