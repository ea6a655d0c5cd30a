/**
 * What the directory says about the network (nym-api.md sections 2 and 3), in JSON and in bincode.
 *
 * @module
 */
import { BincodeWriter } from './bincode.js';
import { encodeNodeAddress } from './node-address.js';
import type { LocalnetMixNode, LocalnetNode, MixLayer } from './topology.js';
import { isGateway, MIX_LAYERS } from './topology.js';

/** One epoch for the whole life of the localnet, so that no reply SURB ever grows stale (nym-api.md section 3.3). */
const EPOCH_ID = 1;
const VALIDITY_EPOCHS = 1000;
const EPOCH_DURATION_S = 10 * 365 * 24 * 3600;

/** One answer of the directory. */
export interface DirectoryDocument {
  readonly json: string;
  /** `undefined` for what the real directory has in JSON only. */
  readonly bincode: Uint8Array | undefined;
}

/** Answers by path. */
export type DirectoryDocuments = ReadonlyMap<string, DirectoryDocument>;

/** What is true of the network as a whole. */
export interface NetworkFacts {
  readonly startedAt: Date;
  /** Number of the key rotation that the Sphinx keys belong to. */
  readonly keyRotation: number;
}

/** All documents a client asks for. */
export function directoryDocuments(nodes: readonly LocalnetNode[], facts: NetworkFacts): DirectoryDocuments {
  const gateways = nodes.filter(isGateway);
  const mixNodes = nodes.filter((node): node is LocalnetMixNode => node.kind === 'mix');
  const skimmed = (listed: readonly LocalnetNode[]): DirectoryDocument => {
    const document = skimmedNodes(listed, facts);
    return { json: JSON.stringify(document), bincode: skimmedNodesBincode(document) };
  };
  const rewarded = rewardedSet(mixNodes, gateways);
  return new Map<string, DirectoryDocument>([
    [
      '/v1/epoch/key-rotation-info',
      { json: JSON.stringify(keyRotationInfo(facts.startedAt)), bincode: undefined },
    ],
    ['/v1/nym-nodes/rewarded-set', { json: JSON.stringify(rewarded), bincode: rewardedSetBincode(rewarded) }],
    ['/v2/unstable/nym-nodes/skimmed', skimmed(nodes)],
    ['/v2/unstable/nym-nodes/skimmed/entry-gateways', skimmed(gateways)],
    ['/v2/unstable/nym-nodes/skimmed/mixnodes/active', skimmed(mixNodes)],
  ]);
}

/** Says nothing of key rotations here, whose time is not that of epochs; clients go by the lists of nodes. */
function keyRotationInfo(startedAt: Date) {
  return {
    key_rotation_state: { validity_epochs: VALIDITY_EPOCHS, initial_epoch_id: 0 },
    current_absolute_epoch_id: EPOCH_ID,
    current_epoch_start: startedAt.toISOString(),
    epoch_duration: { secs: EPOCH_DURATION_S, nanos: 0 },
    progress: {
      current_key_rotation_id: 0,
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
    exit_gateways: [] as number[],
    layer1: idsOf(1),
    layer2: idsOf(2),
    layer3: idsOf(3),
    standby: [] as number[],
  };
}

function rewardedSetBincode(set: ReturnType<typeof rewardedSet>): Uint8Array {
  const writer = new BincodeWriter().integer(set.epoch_id);
  const lists = [
    set.entry_gateways,
    set.exit_gateways,
    ...MIX_LAYERS.map((layer) => set[`layer${layer}`]),
    set.standby,
  ];
  for (const ids of lists) writer.list(ids, (id) => writer.integer(id));
  return writer.finish();
}

function skimmedNodes(nodes: readonly LocalnetNode[], { startedAt, keyRotation }: NetworkFacts) {
  return {
    metadata: {
      status: null,
      absolute_epoch_id: EPOCH_ID,
      rotation_id: keyRotation,
      // As the real directory writes times.
      refreshed_at: startedAt.toISOString().replace('T', ' ').replace('Z', ' +00:00:00'),
    },
    nodes: {
      pagination: { total: nodes.length, page: 0, size: nodes.length },
      data: nodes.map(skimmedNode),
    },
  };
}

type SkimmedNode = ReturnType<typeof skimmedNode>;

function skimmedNode(node: LocalnetNode) {
  const entry = isGateway(node)
    ? {
        hostname: node.tls?.hostname ?? null,
        ws_port: node.wsPort,
        wss_port: node.tls?.wssPort ?? null,
      }
    : null;
  return {
    node_id: node.id,
    ed25519_identity_pubkey: node.identity,
    ip_addresses: [node.host],
    mix_port: node.mixPort,
    x25519_sphinx_pubkey: node.sphinxKey,
    role: isGateway(node) ? ('EntryGateway' as const) : { Mixnode: { layer: node.layer } },
    supported_roles: { mixnode: !isGateway(node), entry: isGateway(node), exit_nr: false, exit_ipr: false },
    entry,
    // A number would be a decode error.
    performance: '1',
  };
}

/** The fields in the order of the JSON. */
function skimmedNodesBincode({ metadata, nodes }: ReturnType<typeof skimmedNodes>): Uint8Array {
  const { pagination, data } = nodes;
  const writer = new BincodeWriter()
    .optional(metadata.status, () => undefined)
    .integer(metadata.absolute_epoch_id)
    .integer(metadata.rotation_id)
    .text(metadata.refreshed_at)
    .integer(pagination.total)
    .integer(pagination.page)
    .integer(pagination.size);
  return writer.list(data, (node) => writeSkimmedNode(writer, node)).finish();
}

function writeSkimmedNode(writer: BincodeWriter, node: SkimmedNode): void {
  writer
    .integer(node.node_id)
    .text(node.ed25519_identity_pubkey)
    .list(node.ip_addresses, (host) => writeIpAddress(writer, host))
    .integer(node.mix_port)
    .text(node.x25519_sphinx_pubkey);
  if (node.role === 'EntryGateway') writer.integer(1);
  else writer.integer(0).raw([node.role.Mixnode.layer]);
  for (const supported of Object.values(node.supported_roles)) writer.boolean(supported);
  writer
    .optional(node.entry, (entry) => {
      writer
        .optional(entry.hostname, (hostname) => writer.text(hostname))
        .integer(entry.ws_port)
        .optional(entry.wss_port, (port) => writer.integer(port));
    })
    .text(node.performance);
}

/** The variant, V4 or V6, and the octets. */
function writeIpAddress(writer: BincodeWriter, host: string): void {
  const [version, , , ...octets] = encodeNodeAddress({ host, port: 0 });
  writer.integer(version === 4 ? 0 : 1).raw(octets);
}
