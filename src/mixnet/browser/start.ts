import { compileNymWasm } from '../../../wasm/browser.js';
import type { MixnetClient } from '../client.js';
import { MixnetClientError } from '../errors.js';
import { drawGateways } from '../gateways.js';
import { workerSettings } from '../options.js';
import { orAborted } from '../or-aborted.js';
import { startAtOneOf } from '../start-attempts.js';
import {
  checkOwnGateway,
  officialOptions,
  startInTime,
  whenStarted,
  type CommonStartOptions,
  type LimitedStart,
} from '../start.js';
import { runClientWorker } from './client-web-worker.js';
import { DEFAULT_CLIENT_ID, holdEphemeralIdentity, holdIdentity, type HeldIdentity } from './identities.js';
import { rememberedGateway, rememberGateway } from './identity-database.js';

/** An identity that outlives the page: same keys, same gateway, same Nym address at every start in this browser. */
export interface PersistentIdentity {
  /** Names it among the site's identities; default {@link DEFAULT_CLIENT_ID}. One client at a time can use it. */
  readonly clientId?: string | undefined;
  /** Encrypts the keys in the browser's storage. To be given at every start or never. */
  readonly storagePassphrase?: string | undefined;
}

/** How to start a mixnet client in a web page. */
export interface StartOptions extends CommonStartOptions {
  /** Default `ephemeral`: keys that are deleted when the client closes, another Nym address at every start. */
  readonly identity?: 'ephemeral' | PersistentIdentity | undefined;
}

/**
 * Starts a mixnet client in a Web Worker of its own. On a page served over https only gateways with TLS are drawn,
 * since browsers refuse all others there.
 *
 * @returns the client, `ready`. Its owner closes it.
 * @throws {MixnetClientError} within `startTimeoutMs`, saying whose fault it is and what to do.
 * @throws the signal's reason if it aborts.
 * @throws {RangeError} if a setting is out of its range.
 */
export function startMixnetClient(options: StartOptions): Promise<MixnetClient> {
  const { identity = 'ephemeral' } = options;
  return startInTime(options, async (limited) => {
    const held =
      identity === 'ephemeral'
        ? await holdEphemeralIdentity()
        : await holdIdentity(identity.clientId ?? DEFAULT_CLIENT_ID);
    const passphrase = identity === 'ephemeral' ? undefined : identity.storagePassphrase;
    try {
      return await startWith(options, held, passphrase, limited);
    } catch (error) {
      await held.release();
      throw error;
    }
  });
}

async function startWith(
  options: StartOptions,
  held: HeldIdentity,
  passphrase: string | undefined,
  { signal, onRefused }: LimitedStart,
): Promise<MixnetClient> {
  const { network } = options;
  const { clientId, ephemeral } = held;
  const tlsOnly = location.protocol === 'https:';

  const remembered = ephemeral ? undefined : await rememberedGateway(clientId);
  if (remembered !== undefined) {
    checkOwnGateway(remembered, options.gateway, `The identity "${clientId}"`, 'another clientId');
  }
  const [module, gateways] = await Promise.all([
    orAborted(compile(), signal),
    remembered === undefined
      ? drawGateways(network, { wanted: options.gateway, wssOnly: tlsOnly, signal })
      : [remembered],
  ]);
  options.onProgress?.('wasm');
  signal.throwIfAborted();

  const name = `the identity "${clientId}"`;
  const identity = remembered === undefined ? undefined : { name, forget: `forget ${name} (forgetIdentity)` };
  const startAt = async (gateway: string): Promise<MixnetClient> => {
    const official = officialOptions(options, { clientId, gateway, passphrase, tlsOnly });
    const data = { module, options: official, settings: workerSettings(options) };
    // Until the client has started, the identity may be needed for another start.
    let started = false;
    const client = runClientWorker(data, options, () => (started ? held.release() : Promise.resolve()));
    await whenStarted(client, { network, gateway, identity }, signal, async () => {
      if (!ephemeral && remembered === undefined) await rememberGateway(clientId, gateway);
    });
    started = true;
    return client;
  };
  return startAtOneOf(gateways, startAt, signal, onRefused);
}

async function compile(): Promise<WebAssembly.Module> {
  try {
    return await compileNymWasm();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MixnetClientError(
      'crashed',
      `The official client cannot be loaded: ${why}. Check that the site serves its .wasm file.`,
      { cause: error },
    );
  }
}
