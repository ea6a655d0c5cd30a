/**
 * What the directory says about the network, for ever the same (nym-api.md sections 2 and 3).
 *
 * @module
 */
import type { LocalnetMixNode, LocalnetNode, MixLayer } from './topology.js';
import { isGateway } from './topology.js';

/** One epoch for the whole life of the localnet, so that no reply SURB ever grows stale (nym-api.md section 3.3). */
const EPOCH_ID = 1;
const ROTATION_ID = 0;
const VALIDITY_EPOCHS = 1000;
const EPOCH_DURATION_S = 10 * 365 * 24 * 3600;

/** JSON answers by path. */
export type DirectoryDocuments = ReadonlyMap<string, string>;

/** All documents a client asks for. */
export function directoryDocuments(nodes: readonly LocalnetNode[], startedAt: Date): DirectoryDocuments {
  const gateways = nodes.filter(isGateway);
  const mixNodes = nodes.filter((node): node is LocalnetMixNode => node.kind === 'mix');
  const documents: Record<string, object> = {
    '/v1/epoch/key-rotation-info': keyRotationInfo(startedAt),
    '/v1/nym-nodes/rewarded-set': rewardedSet(mixNodes, gateways),
    '/v2/unstable/nym-nodes/skimmed': skimmedNodes(nodes, startedAt),
    '/v2/unstable/nym-nodes/skimmed/entry-gateways': skimmedNodes(gateways, startedAt),
    '/v2/unstable/nym-nodes/skimmed/mixnodes/active': skimmedNodes(mixNodes, startedAt),
  };
  return new Map(Object.entries(documents).map(([path, document]) => [path, JSON.stringify(document)]));
}

function keyRotationInfo(startedAt: Date) {
  return {
    key_rotation_state: { validity_epochs: VALIDITY_EPOCHS, initial_epoch_id: 0 },
    current_absolute_epoch_id: EPOCH_ID,
    current_epoch_start: startedAt.toISOString(),
    epoch_duration: { secs: EPOCH_DURATION_S, nanos: 0 },
    progress: {
      current_key_rotation_id: ROTATION_ID,
      current_rotation_starting_epoch: 0,
      current_rotation_ending_epoch: VALIDITY_EPOCHS - 1,
    },
  };
}

function rewardedSet(mixNodes: readonly LocalnetMixNode[], gateways: readonly LocalnetNode[]) {
  const idsOf = (layer: MixLayer) => mixNodes.filter((node) => node.layer === layer).map(({ id }) => id);
  return {
    epoch_id: EPOCH_ID,
    entry_gateways: gateways.map(({ id }) => id),
    exit_gateways: [],
    layer1: idsOf(1),
    layer2: idsOf(2),
    layer3: idsOf(3),
    standby: [],
  };
}

function skimmedNodes(nodes: readonly LocalnetNode[], startedAt: Date) {
  return {
    metadata: {
      status: null,
      absolute_epoch_id: EPOCH_ID,
      rotation_id: ROTATION_ID,
      refreshed_at: startedAt.toISOString(),
    },
    nodes: {
      pagination: { total: nodes.length, page: 0, size: nodes.length },
      data: nodes.map(skimmedNode),
    },
  };
}

function skimmedNode(node: LocalnetNode) {
  const entry = node.kind === 'gateway';
  return {
    node_id: node.id,
    ed25519_identity_pubkey: node.identity,
    ip_addresses: [node.host],
    mix_port: node.mixPort,
    x25519_sphinx_pubkey: node.sphinxKey,
    role: entry ? 'EntryGateway' : { Mixnode: { layer: node.layer } },
    supported_roles: { mixnode: !entry, entry, exit_nr: false, exit_ipr: false },
    entry: entry ? { hostname: null, ws_port: node.wsPort, wss_port: null } : null,
    // A number would be a decode error.
    performance: '1',
  };
}
