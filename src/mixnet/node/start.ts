import { compileNymWasm } from '../../../wasm/node.js';
import type { MixnetClient } from '../client.js';
import { MixnetClientError } from '../errors.js';
import { drawGateways } from '../gateways.js';
import { workerSettings } from '../options.js';
import { startAtOneOf } from '../start-attempts.js';
import {
  checkOwnGateway,
  officialOptions,
  startInTime,
  whenStarted,
  type CommonStartOptions,
  type LimitedStart,
} from '../start.js';
import { runClientThread } from './client-thread.js';
import { CLIENT_ID, isEncrypted } from './database.js';
import { HEARTBEAT, type HeartbeatTimes } from './heartbeat.js';
import type { StoredIdentity } from './identity-file.js';
import { IdentityStore } from './identity-store.js';
import type { NodeWorkerData } from './worker.js';

/** An identity that outlives the process: same keys, same gateway, same Nym address at every start. */
export interface PersistentIdentity {
  /** Directory for the identity's file; created if need be. One client at a time can use it. */
  readonly configDir: string;
  /** Encrypts the keys in the file. To be given at every start or never. */
  readonly passphrase?: string | undefined;
}

/** How to start a mixnet client in Node. */
export interface StartOptions extends CommonStartOptions {
  /** Default `ephemeral`: keys in memory only, another Nym address at every start. */
  readonly identity?: 'ephemeral' | PersistentIdentity | undefined;
  /** Default {@link HEARTBEAT}. */
  readonly heartbeat?: HeartbeatTimes | undefined;
}

/**
 * Starts a mixnet client in a worker thread of its own.
 *
 * @returns the client, `ready`. Its owner closes it.
 * @throws {MixnetClientError} within `startTimeoutMs`, saying whose fault it is and what to do.
 * @throws the signal's reason if it aborts.
 * @throws {RangeError} if a setting is out of its range.
 */
export function startMixnetClient(options: StartOptions): Promise<MixnetClient> {
  const { identity = 'ephemeral' } = options;
  return startInTime(options, async (limited) => {
    if (identity === 'ephemeral') return startWith(options, undefined, limited);
    const store = await IdentityStore.open(identity.configDir);
    try {
      return await startWith(options, { ...identity, store }, limited);
    } catch (error) {
      await store.close();
      throw error;
    }
  });
}

interface OpenIdentity extends PersistentIdentity {
  readonly store: IdentityStore;
}

async function startWith(
  options: StartOptions,
  identity: OpenIdentity | undefined,
  { signal, onRefused }: LimitedStart,
): Promise<MixnetClient> {
  const { network } = options;
  const stored = identity?.store.load();
  if (identity && stored) checkStored(identity, stored, options.gateway);
  const gateways = stored
    ? [stored.gateway]
    : await drawGateways(network, { wanted: options.gateway, signal });
  const module = await compile();
  options.onProgress?.('wasm');
  signal.throwIfAborted();
  return startAtOneOf(
    gateways,
    (gateway) => startAt(gateway, module, options, identity, stored, signal),
    signal,
    onRefused,
  );
}

async function startAt(
  gateway: string,
  module: WebAssembly.Module,
  options: StartOptions,
  identity: OpenIdentity | undefined,
  stored: StoredIdentity | undefined,
  signal: AbortSignal,
): Promise<MixnetClient> {
  const { network } = options;
  const data: NodeWorkerData = {
    module,
    options: officialOptions(options, {
      clientId: CLIENT_ID,
      gateway,
      passphrase: identity?.passphrase,
      // A gateway that offers TLS is reached with TLS anyway.
      tlsOnly: false,
    }),
    settings: workerSettings(options),
    database: stored?.database,
    keepDatabase: identity !== undefined,
    heartbeat: options.heartbeat ?? HEARTBEAT,
  };
  // Until the client has started, the identity may be needed for another start.
  let started = false;
  const client = runClientThread(data, options, async () => {
    if (started) await identity?.store.close();
  });
  const remembered = identity &&
    stored && { name: `the identity in ${identity.store.path}`, forget: `move ${identity.store.path} away` };
  await whenStarted(client, { network, gateway, identity: remembered }, signal, async ({ database }) => {
    if (identity && database && !(stored && isSame(database, stored.database))) {
      await identity.store.save({ gateway, database });
    }
  });
  started = true;
  return client;
}

async function compile(): Promise<WebAssembly.Module> {
  try {
    return await compileNymWasm();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MixnetClientError(
      'crashed',
      `The official client cannot be loaded: ${why}. Install @nymproject/nym-client-wasm anew.`,
      { cause: error },
    );
  }
}

/** What can be known to be wrong before anything is started. */
function checkStored(identity: OpenIdentity, stored: StoredIdentity, gateway: string | undefined): void {
  const { path } = identity.store;
  checkOwnGateway(stored.gateway, gateway, `The identity in ${path}`, 'another config directory');
  const encrypted = isEncrypted(stored.database);
  if (encrypted && identity.passphrase === undefined) {
    throw new MixnetClientError('identity', `The identity in ${path} is encrypted. Give its passphrase.`);
  }
  if (!encrypted && identity.passphrase !== undefined) {
    throw new MixnetClientError(
      'identity',
      `The identity in ${path} is not encrypted, so it has no passphrase. Leave the passphrase out, or give another ` +
        'config directory.',
    );
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
