import { oneOf, OptionError } from '../basics/options-check.js';
import { TRAFFIC_PROFILES, type TrafficProfile } from '../mixnet/options.js';
import { readNetwork } from '../mixnet/node/network-file.js';
import type { Network } from '../mixnet/network.js';
import { startMixnetClient, type StartOptions } from '../mixnet/node/start.js';
import type { StartClient } from '../mixnet/succession.js';

/** How a proxy takes part in the mixnet; the same at both ends. */
export interface MixnetOptions {
  /** The network; **mainnet** unless given. */
  readonly network?: Network | undefined;
  /** Path of a Nym env file that names the network, in the place of `network`. */
  readonly env?: string | undefined;
  /** Traffic profile of the mixnet clients; `default` unless given. */
  readonly traffic?: TrafficProfile | undefined;
  /** Base58 identity of the gateway to use; drawn at random unless given or stored with the identity. */
  readonly gateway?: string | undefined;
  /** Gets what the official client writes to its console. */
  readonly onLog?: ((line: string) => void) | undefined;
}

/**
 * Reads the network once and returns what starts clients in it.
 *
 * @throws {MixnetClientError} `network` if the env file cannot be used.
 */
export async function clientStarter(
  options: MixnetOptions,
  identity: StartOptions['identity'],
): Promise<StartClient> {
  const { env, traffic, gateway, onLog } = options;
  const network = options.network ?? (await readNetwork(env));
  return (signal) => startMixnetClient({ network, identity, traffic, gateway, onLog, signal });
}

/**
 * Checks what is the same at both ends.
 *
 * @throws {OptionError} saying which option cannot be used.
 */
export function checkMixnetOptions({ network, env, traffic }: MixnetOptions): void {
  if (network !== undefined && env !== undefined)
    throw new OptionError('give either network or env, not both');
  if (traffic !== undefined) oneOf('traffic', traffic, TRAFFIC_PROFILES);
}
