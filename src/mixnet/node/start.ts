import { compileNymWasm } from '../../../wasm/node.js';
import type { MixnetClient } from '../client.js';
import { MixnetClientError } from '../errors.js';
import { chooseGateway } from '../gateways.js';
import type { Network } from '../network.js';
import { clientOverride, type ClientSettings } from '../options.js';
import { explainStartFailure } from '../start-failure.js';
import { limitStart } from '../start-limit.js';
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

/** How to start a mixnet client. */
export interface StartOptions extends ClientSettings {
  readonly network: Network;
  /** Default `ephemeral`: keys in memory only, another Nym address at every start. */
  readonly identity?: 'ephemeral' | PersistentIdentity | undefined;
  /** Base58 identity of the gateway for a new identity; by default one is drawn. */
  readonly gateway?: string | undefined;
  /** Ends the start. Once the client has started it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /** Default 60 000. */
  readonly startTimeoutMs?: number | undefined;
  /** Gets what the official client writes to its console; by default that is dropped. */
  readonly onLog?: ((line: string) => void) | undefined;
  /** Default {@link HEARTBEAT}. */
  readonly heartbeat?: HeartbeatTimes | undefined;
}

const START_TIME_LIMIT_MS = 60_000;

/**
 * Starts a mixnet client in a worker thread of its own.
 *
 * @returns the client, `ready`. Its owner closes it.
 * @throws {MixnetClientError} within `startTimeoutMs`, saying whose fault it is and what to do.
 * @throws the signal's reason if it aborts.
 * @throws {RangeError} if a setting is out of its range.
 */
export async function startMixnetClient(options: StartOptions): Promise<MixnetClient> {
  const { network, identity = 'ephemeral', startTimeoutMs = START_TIME_LIMIT_MS } = options;
  const tooLate = new MixnetClientError(
    'gateway',
    `The mixnet client did not start within ${startTimeoutMs / 1_000} s: the directory ${network.apiUrl} or the ` +
      'gateway does not answer. Try again, or give another gateway.',
  );
  const limit = limitStart(startTimeoutMs, tooLate, options.signal);
  let store: IdentityStore | undefined;
  try {
    limit.signal.throwIfAborted();
    if (identity === 'ephemeral') return await startWith(options, undefined, limit.signal);
    store = await IdentityStore.open(identity.configDir);
    return await startWith(options, { ...identity, store }, limit.signal);
  } catch (error) {
    await store?.close();
    limit.signal.throwIfAborted();
    throw error;
  } finally {
    limit.lift();
  }
}

interface OpenIdentity extends PersistentIdentity {
  readonly store: IdentityStore;
}

async function startWith(
  options: StartOptions,
  identity: OpenIdentity | undefined,
  signal: AbortSignal,
): Promise<MixnetClient> {
  const { network, onLog = () => undefined } = options;
  const stored = await identity?.store.load();
  if (identity && stored) checkStored(identity, stored, options.gateway);
  const gateway = stored?.gateway ?? (await chooseGateway(network, { wanted: options.gateway, signal }));
  const data: NodeWorkerData = {
    module: await compile(),
    options: {
      clientId: CLIENT_ID,
      // Without it the official client goes to mainnet.
      nymApiUrl: network.apiUrl,
      // Without it a known client registers with yet another gateway (nym-api.md section 6).
      preferredGateway: gateway,
      // A gateway that offers TLS is reached with TLS anyway.
      forceTls: false,
      clientOverride: clientOverride(options),
      ...(identity?.passphrase !== undefined && { storagePassphrase: identity.passphrase }),
    },
    extendedPackets: options.traffic === 'bulk',
    database: stored?.database,
    keepDatabase: identity !== undefined,
    heartbeat: options.heartbeat ?? HEARTBEAT,
  };
  signal.throwIfAborted();

  const client = runClientThread(data, onLog, async () => identity?.store.close());
  const abort = () => void client.close();
  signal.addEventListener('abort', abort);
  try {
    const { database } = await client.started.catch((error: unknown) => {
      throw explainStartFailure(error, { network, gateway, identityPath: stored && identity?.store.path });
    });
    if (identity && database && !(stored && isSame(database, stored.database))) {
      await identity.store.save({ gateway, database });
    }
    signal.throwIfAborted();
    if (client.lostReason) throw client.lostReason;
    return client;
  } catch (error) {
    await client.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
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
  if (gateway !== undefined && gateway !== stored.gateway) {
    throw new MixnetClientError(
      'identity',
      `The identity in ${path} belongs to the gateway ${stored.gateway}, which is a part of its Nym address, so it ` +
        `cannot use ${gateway}. Leave the gateway out, or give another config directory.`,
    );
  }
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
