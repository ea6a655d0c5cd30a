/**
 * The official client keeps its keys and its gateway in IndexedDB, which in Node lives in memory only; here it is
 * carried over from one process to the next (nym-api.md section 6).
 *
 * @module
 */
import { openDB } from 'idb';

import { decodeValue, encodeValue } from './portable-values.js';

/** The name that the official client derives its database's name from. */
export const CLIENT_ID = 'nym-tcp-proxy';

const NAME = `wasm-client-storage-${CLIENT_ID}`;

interface Row {
  readonly key: IDBValidKey;
  readonly value: unknown;
}

interface Dump {
  readonly version: number;
  readonly stores: ReadonlyMap<string, readonly Row[]>;
}

/** Everything in the official client's database, as bytes. */
export async function exportDatabase(): Promise<Uint8Array> {
  const database = await openDB(NAME);
  const stores = new Map<string, readonly Row[]>();
  for (const name of [...database.objectStoreNames].sort()) {
    const { store } = database.transaction(name);
    const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
    const rows = keys.map((key, index) => ({ key, value: values[index] as unknown }));
    stores.set(name, rows);
  }
  const { version } = database;
  database.close();
  return encodeValue({ version, stores } satisfies Dump);
}

/** Puts exported bytes back, before the official client opens the database. */
export async function importDatabase(bytes: Uint8Array): Promise<void> {
  const { version, stores } = decodeValue(bytes) as Dump;
  const database = await openDB(NAME, version, {
    upgrade(empty) {
      for (const name of stores.keys()) empty.createObjectStore(name);
    },
  });
  for (const [name, rows] of stores) {
    const { store, done } = database.transaction(name, 'readwrite');
    await Promise.all([...rows.map(({ key, value }) => store.put(value, key)), done]);
  }
  database.close();
}

/** Whether exported bytes are of a database that only opens with a passphrase. */
export function isEncrypted(bytes: Uint8Array): boolean {
  const { stores } = decodeValue(bytes) as Dump;
  return stores.get('_cipher_store')?.some((row) => typeof row.value === 'object') ?? false;
}
