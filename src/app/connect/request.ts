/**
 * What the form asks for, and what starts a client from it.
 *
 * @module
 */
import {
  MAINNET,
  networkFromEnvText,
  type Network,
  type NymProxyClientOptions,
  type TrafficProfile,
} from '../../browser/index.js';
import type { DemoSite } from '../demo-site.js';
import type { NetworkKind } from '../settings.js';

/** The form as it was sent. */
export interface ConnectRequest {
  readonly kind: NetworkKind;
  /** Text of an env file; counts if `kind` is `env`. */
  readonly envText: string;
  readonly serverAddress: string;
  readonly traffic: TrafficProfile;
  readonly keepIdentity: boolean;
  /** Empty for none. */
  readonly passphrase: string;
}

/**
 * The network that is asked for.
 *
 * @throws {MixnetClientError} `network`, if the env file does not name one.
 */
export function networkOf({ kind, envText }: ConnectRequest, site: DemoSite | undefined): Network {
  if (kind === 'env') return networkFromEnvText(envText, 'from the form');
  return kind === 'localnet' && site ? site.network : MAINNET;
}

/**
 * Changes when a kept identity is of no use any more: a localnet that was started anew knows nothing of the clients of
 * the one before, nor does another env file's network.
 */
export function networkMark({ kind }: ConnectRequest, network: Network, site: DemoSite | undefined): string {
  return kind === 'localnet' ? (site?.serverAddress ?? '') : network.apiUrl;
}

/** The name of the identity in this browser's storage: one for each kind of network, as none is known in another. */
export function clientIdOf(kind: NetworkKind): string {
  return `nym-tcp-proxy-demo-${kind}`;
}

/** The request in the library's terms. */
export function clientOptions(request: ConnectRequest, network: Network): NymProxyClientOptions {
  const { kind, serverAddress, traffic, keepIdentity, passphrase } = request;
  const clientId = clientIdOf(kind);
  const kept = passphrase === '' ? { clientId } : { clientId, storagePassphrase: passphrase };
  return { serverAddress, network, traffic, identity: keepIdentity ? kept : 'ephemeral' };
}
