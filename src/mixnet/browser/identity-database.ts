/**
 * What is kept of identities in the browser: the official client keeps its keys in a database of its own for each
 * (nym-api.md section 6); beside these, one of ours remembers the gateways and which identities are to be thrown away.
 *
 * @module
 */
import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from 'idb';

import { MixnetClientError } from '../errors.js';

const NAME = 'nym-tcp-proxy';
const VERSION = 1;

/**
 * A database is deleted once all connections to it are closed, and those of an ended worker soon are; everything else
 * is quicker.
 */
const TIME_LIMIT_MS = 10_000;

/** Keys are client ids. */
interface Schema extends DBSchema {
  /** Base58 identities; a gateway is a part of its client's Nym address. */
  gateways: { key: string; value: string };
  ephemeral: { key: string; value: true };
}

/** @throws {MixnetClientError} `identity`, as all functions here, if the browser's storage cannot be used. */
export function rememberedGateway(clientId: string): Promise<string | undefined> {
  return use((database) => database.get('gateways', clientId));
}

export async function rememberGateway(clientId: string, gateway: string): Promise<void> {
  await use((database) => database.put('gateways', gateway, clientId));
}

/** Notes, before there is anything else of it, that an identity is to be thrown away. */
export async function noteEphemeral(clientId: string): Promise<void> {
  await use((database) => database.put('ephemeral', true, clientId));
}

/** The client ids noted as ephemeral that have not been deleted. */
export function ephemeralIdentities(): Promise<string[]> {
  return use((database) => database.getAllKeys('ephemeral'));
}

/** Deletes all that is kept of an identity; only who holds its lock may. */
export async function deleteIdentity(clientId: string): Promise<void> {
  await use(async (database) => {
    await deleteDB(`wasm-client-storage-${clientId}`);
    await database.delete('gateways', clientId);
    await database.delete('ephemeral', clientId);
  });
}

async function use<T>(action: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const error = new Error(`no answer within ${TIME_LIMIT_MS / 1_000} s`);
    timer = setTimeout(() => reject(error), TIME_LIMIT_MS);
  });
  try {
    return await Promise.race([useOpened(action), tooLate]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MixnetClientError(
      'identity',
      `The browser's storage (IndexedDB) cannot be used: ${why}. Allow this site to keep data, and try again.`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

async function useOpened<T>(action: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
  const database = await openDB<Schema>(NAME, VERSION, {
    upgrade(empty) {
      empty.createObjectStore('gateways');
      empty.createObjectStore('ephemeral');
    },
  });
  try {
    return await action(database);
  } finally {
    database.close();
  }
}
