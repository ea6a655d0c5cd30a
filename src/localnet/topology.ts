/**
 * Who is in the network.
 *
 * @module
 */

/** A mix node's place on the way: packets cross layer 1, 2 and 3. */
export type MixLayer = 1 | 2 | 3;

export const MIX_LAYERS: readonly MixLayer[] = [1, 2, 3];

interface NodeFacts {
  /** As in the directory; stays with the node. */
  readonly id: number;
  /** Base58 of the ed25519 identity key. */
  readonly identity: string;
  /** Base58 of the X25519 key that Sphinx packets are made for. */
  readonly sphinxKey: string;
  /** The IP address in the directory. */
  readonly host: string;
  /** By which packets name the node. Nothing listens there, as all nodes are in one process. */
  readonly mixPort: number;
}

/** A mix node as others see it. */
export interface LocalnetMixNode extends NodeFacts {
  readonly kind: 'mix';
  readonly layer: MixLayer;
}

/** A gateway as others see it. */
export interface LocalnetGateway extends NodeFacts {
  readonly kind: 'gateway';
  /** Where clients connect. */
  readonly wsPort: number;
  /** By which clients reach the gateway with TLS, if it offers that; they prefer it. */
  readonly tls: { readonly hostname: string; readonly wssPort: number } | undefined;
}

export type LocalnetNode = LocalnetMixNode | LocalnetGateway;

/** Whether a node is a gateway. */
export function isGateway(node: LocalnetNode): node is LocalnetGateway {
  return node.kind === 'gateway';
}
