/**
 * What starting a mixnet client has in common in Node and in the browser.
 *
 * @module
 */
import type { ClientOpts } from '../../wasm/client.js';
import type { MixnetClient } from './client.js';
import { MixnetClientError } from './errors.js';
import type { Network } from './network.js';
import { clientOverride, type ClientSettings } from './options.js';
import { explainStartFailure, type StartContext } from './start-failure.js';
import { limitStart } from './start-limit.js';
import type { Started, WorkerMixnetClient } from './worker-client.js';
import type { ConnectStep } from './worker-protocol.js';

/** How to start a mixnet client, wherever it runs. */
export interface CommonStartOptions extends ClientSettings {
  readonly network: Network;
  /** Base58 identity of the gateway for a new identity; by default one is drawn. */
  readonly gateway?: string | undefined;
  /** Ends the start. Once the client has started it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /** Default 60 000. */
  readonly startTimeoutMs?: number | undefined;
  /** Gets what the official client writes to its console; by default that is dropped. */
  readonly onLog?: ((line: string) => void) | undefined;
  /** Told of each step of the start, once. The last one is that the start settles. */
  readonly onProgress?: ((step: StartStep) => void) | undefined;
}

/**
 * - `wasm`: the official client is compiled, and a gateway is chosen.
 * - `keys`: its keys are loaded or made.
 * - `gateway`: the gateway has answered.
 */
export type StartStep = 'wasm' | ConnectStep;

const START_TIME_LIMIT_MS = 60_000;

/** What a start under a time limit is given. */
export interface LimitedStart {
  /** Aborts when the time is over, and when the caller's does. */
  readonly signal: AbortSignal;
  /** Takes note of why a gateway did not take the client: should the time end before another does, that is the cause. */
  readonly onRefused: (error: MixnetClientError) => void;
}

/**
 * Starts a client by `start`, which is to heed the signal.
 *
 * @throws {MixnetClientError} once the time is over.
 * @throws the caller's signal's reason if it aborts.
 */
export async function startInTime(
  options: CommonStartOptions,
  start: (limited: LimitedStart) => Promise<MixnetClient>,
): Promise<MixnetClient> {
  const { network, startTimeoutMs = START_TIME_LIMIT_MS } = options;
  let refusal: MixnetClientError | undefined;
  const tooLate = () => {
    const late = `The mixnet client did not start within ${startTimeoutMs / 1_000} s`;
    return refusal === undefined
      ? new MixnetClientError(
          'gateway',
          `${late}: the directory ${network.apiUrl} or the gateway does not answer. Try again, or give another gateway.`,
        )
      : new MixnetClientError('gateway', `${refusal.message} ${late}.`, { cause: refusal });
  };
  const limit = limitStart(startTimeoutMs, tooLate, options.signal);
  try {
    limit.signal.throwIfAborted();
    return await start({ signal: limit.signal, onRefused: (error) => (refusal ??= error) });
  } catch (error) {
    limit.signal.throwIfAborted();
    throw error;
  } finally {
    limit.lift();
  }
}

/** Who the official client is to be. */
export interface OfficialIdentity {
  /** Names its database. */
  readonly clientId: string;
  /** Base58 identity. */
  readonly gateway: string;
  /** Encrypts its database. */
  readonly passphrase: string | undefined;
  /** Whether it may reach its gateway with TLS only. */
  readonly tlsOnly: boolean;
}

/**
 * What the official client is started with.
 *
 * @throws {RangeError} if a setting is out of its range.
 */
export function officialOptions(options: CommonStartOptions, identity: OfficialIdentity): ClientOpts {
  const { clientId, gateway, passphrase, tlsOnly } = identity;
  return {
    clientId,
    // Without it the official client goes to mainnet.
    nymApiUrl: options.network.apiUrl,
    // Without it a known client registers with yet another gateway (nym-api.md section 6).
    preferredGateway: gateway,
    forceTls: tlsOnly,
    clientOverride: clientOverride(options),
    ...(passphrase !== undefined && { storagePassphrase: passphrase }),
  };
}

/**
 * Waits until the client has started and `keep` has kept what the next start needs.
 *
 * @returns the client, `ready`. In any other case it is closed.
 * @throws {MixnetClientError} if it does not start.
 * @throws the signal's reason if it aborts.
 */
export async function whenStarted(
  client: WorkerMixnetClient,
  context: StartContext,
  signal: AbortSignal,
  keep: (started: Started) => Promise<void>,
): Promise<MixnetClient> {
  const abort = () => void client.close();
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    const started = await client.started.catch((error: unknown) => {
      throw explainStartFailure(error, context);
    });
    await keep(started);
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

/**
 * Refuses a gateway that is not the identity's own.
 *
 * @param name of the identity, as in "The identity in /var/nym/identity".
 * @param instead what else to give, as in "another config directory".
 * @throws {MixnetClientError} `identity`
 */
export function checkOwnGateway(
  own: string,
  wanted: string | undefined,
  name: string,
  instead: string,
): void {
  if (wanted === undefined || wanted === own) return;
  throw new MixnetClientError(
    'identity',
    `${name} belongs to the gateway ${own}, which is a part of its Nym address, so it cannot use ${wanted}. ` +
      `Leave the gateway out, or give ${instead}.`,
  );
}
