/**
 * What the page remembers from visit to visit, in this browser only.
 *
 * @module
 */
import { deleteDB, openDB } from 'idb';

import type { TrafficProfile } from '../browser/index.js';
import { fields, trafficOf } from './demo-site.js';

export type NetworkKind = 'localnet' | 'mainnet' | 'env';

export interface Settings {
  readonly network: NetworkKind | undefined;
  /** Of the env file that was given last. */
  readonly envText: string;
  /** Nym addresses of servers used on a network, latest first. */
  readonly servers: Readonly<Record<NetworkKind, readonly string[]>>;
  /** The user's choice for a network; what suits the network if there is none. */
  readonly traffic: Readonly<Partial<Record<NetworkKind, TrafficProfile>>>;
  readonly keepIdentity: boolean;
  /** Which network of a kind the kept identity belongs to; see `networkMark` in connect/request.ts. */
  readonly identityOf: Readonly<Partial<Record<NetworkKind, string>>>;
}

export const NO_SETTINGS: Settings = {
  network: undefined,
  envText: '',
  servers: { localnet: [], mainnet: [], env: [] },
  traffic: {},
  keepIdentity: true,
  identityOf: {},
};

const DATABASE = 'nym-tcp-proxy-demo';
const STORE = 'settings';
const KEY = 'page';
const MAX_SERVERS = 8;

/** Never rejects: without storage everything is as at the first visit. */
export async function loadSettings(): Promise<Settings> {
  try {
    return parse(await use((database) => database.get(STORE, KEY)));
  } catch {
    return NO_SETTINGS;
  }
}

/** Never rejects: without storage nothing is remembered. */
export async function saveSettings(settings: Settings): Promise<void> {
  await use((database) => database.put(STORE, settings, KEY)).catch(() => undefined);
}

/** @throws what IndexedDB throws. */
export async function forgetSettings(): Promise<void> {
  await deleteDB(DATABASE);
}

/** The addresses with one more at the front. */
export function withServer(servers: readonly string[], address: string): readonly string[] {
  return [address, ...servers.filter((other) => other !== address)].slice(0, MAX_SERVERS);
}

async function use<T>(action: (database: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> {
  const database = await open();
  try {
    return await action(database);
  } finally {
    database.close();
  }
}

function open() {
  return openDB(DATABASE, 1, {
    upgrade(empty) {
      empty.createObjectStore(STORE);
    },
  });
}

/** An older page may have stored something else. */
function parse(value: unknown): Settings {
  const stored = fields(value);
  const servers = fields(stored['servers']);
  const traffic = fields(stored['traffic']);
  const identityOf = fields(stored['identityOf']);
  const kept: Partial<Record<NetworkKind, TrafficProfile>> = {};
  const marks: Partial<Record<NetworkKind, string>> = {};
  for (const kind of KINDS) {
    const profile = trafficOf(traffic[kind]);
    if (profile !== undefined) kept[kind] = profile;
    const mark = textOf(identityOf[kind]);
    if (mark !== undefined) marks[kind] = mark;
  }
  return {
    network: KINDS.find((kind) => kind === stored['network']),
    envText: textOf(stored['envText']) ?? '',
    servers: {
      localnet: textsOf(servers['localnet']),
      mainnet: textsOf(servers['mainnet']),
      env: textsOf(servers['env']),
    },
    traffic: kept,
    keepIdentity: stored['keepIdentity'] !== false,
    identityOf: marks,
  };
}

const KINDS: readonly NetworkKind[] = ['localnet', 'mainnet', 'env'];

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string').slice(0, MAX_SERVERS) : [];
}
