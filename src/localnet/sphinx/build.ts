import { randomBytes, type KeyObject } from 'node:crypto';

import { encodePaddedNodeAddress, ROUTING_ADDRESS_LENGTH, type NodeAddress } from '../node-address.js';
import {
  ALPHA_LENGTH,
  BETA_LENGTH,
  DESTINATION_LENGTH,
  FINAL_HOP,
  FORWARD_HOP,
  HEADER_LENGTH,
  MAX_HOPS,
  MAX_PACKET_LENGTH,
  MIN_PACKET_LENGTH,
  PAYLOAD_OVERHEAD,
  PAYLOAD_ZEROS,
  SLOT_LENGTH,
  SURB_IDENTIFIER_LENGTH,
  type SphinxVersion,
} from './format.js';
import { deriveHopKeys, payloadKey, type HopKeys } from './keys.js';
import { addLionessLayer } from './lioness.js';
import { applyKeystream, KEYSTREAM_LENGTH, routingMac } from './routing.js';
import { blind, importPrivateKey, importPublicKey, publicKeyOf, x25519, X25519_LENGTH } from './x25519.js';

/** One node on the way. */
export interface SphinxHop {
  readonly address: NodeAddress;
  /** The node's raw X25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** How long this node is to hold the packet, in nanoseconds; has no meaning at the last one. */
  readonly delayNs: bigint;
}

export interface SphinxMessage {
  readonly version: SphinxVersion;
  /** Length in bytes of the packet. */
  readonly packetSize: number;
  /** One to five, in the order of travel. */
  readonly hops: readonly SphinxHop[];
  /** What the last hop delivers to: 32 bytes. */
  readonly destination: Uint8Array;
  /** At most `packetSize` - 365 bytes. */
  readonly payload: Uint8Array;
}

interface RouteHop extends SphinxHop {
  readonly keys: HopKeys;
}

/**
 * Builds a packet as a sender does (sphinx.md section 4). The localnet itself sends none; tests and measurements do.
 * @throws {RangeError} if a number or length is out of range
 */
export function build(message: SphinxMessage): Uint8Array {
  requireSound(message);
  const { version, packetSize, payload } = message;
  const ephemeral = importPrivateKey(randomBytes(X25519_LENGTH));
  const route = withKeys(version, ephemeral, message.hops);

  const packet = new Uint8Array(packetSize);
  packet.set(publicKeyOf(ephemeral), 0);
  packet.set(routingHeader(version, route, message.destination), ALPHA_LENGTH);

  const delta = packet.subarray(HEADER_LENGTH);
  delta.set(payload, PAYLOAD_ZEROS);
  delta[PAYLOAD_ZEROS + payload.length] = 1;
  for (const { keys } of route.toReversed()) addLionessLayer(payloadKey(version, keys), delta);
  return packet;
}

/** Each hop's secret is its key times the ephemeral one times the blinding factors of all hops before it. */
function withKeys(version: SphinxVersion, ephemeral: KeyObject, hops: readonly SphinxHop[]): RouteHop[] {
  const route: RouteHop[] = [];
  for (const hop of hops) {
    const secret = route.reduce(
      (point, { keys }) => blind(version, keys.blindingFactor, importPublicKey(point)),
      x25519(ephemeral, importPublicKey(hop.publicKey)),
    );
    route.push({ ...hop, keys: deriveHopKeys(secret) });
  }
  return route;
}

/** Gamma and beta for the first hop, built from the last hop outwards. */
function routingHeader(
  version: SphinxVersion,
  route: readonly RouteHop[],
  destination: Uint8Array,
): Uint8Array {
  const passed = route.slice(0, -1);
  let next = route.at(-1);
  if (next === undefined) throw new RangeError('a Sphinx packet needs a hop');

  const filler = passed.reduce(extendFiller, new Uint8Array(0));
  let header = finalHeader(version, next.keys, destination, filler);
  for (const hop of passed.toReversed()) {
    header = forwardHeader(version, hop, next.address, header);
    next = hop;
  }
  return header;
}

/** (2 | version 3 | destination 32 | SURB identifier 16, all zero | random padding), encrypted; then the filler. */
function finalHeader(
  version: SphinxVersion,
  keys: HopKeys,
  destination: Uint8Array,
  filler: Uint8Array,
): Uint8Array {
  const plain = randomBytes(BETA_LENGTH - filler.length);
  plain.set([FINAL_HOP, ...versionBytes(version), ...destination, ...new Uint8Array(SURB_IDENTIFIER_LENGTH)]);
  return authenticated(keys, Buffer.concat([applyKeystream(keys, plain), filler]));
}

/** (1 | version 3 | next hop 32 | delay in ns 8 | the next header but for its last slot), encrypted. */
function forwardHeader(
  version: SphinxVersion,
  { keys, delayNs }: RouteHop,
  nextHop: NodeAddress,
  nextHeader: Uint8Array,
): Uint8Array {
  const plain = new Uint8Array(BETA_LENGTH);
  plain.set([
    FORWARD_HOP,
    ...versionBytes(version),
    ...encodePaddedNodeAddress(nextHop, ROUTING_ADDRESS_LENGTH),
  ]);
  new DataView(plain.buffer).setBigUint64(36, delayNs);
  plain.set(nextHeader.subarray(0, nextHeader.length - SLOT_LENGTH), 44);
  return authenticated(keys, applyKeystream(keys, plain));
}

/** What the zeros that each hop appends have become when they reach the last hop. */
function extendFiller(filler: Uint8Array, { keys }: RouteHop): Uint8Array {
  const start = KEYSTREAM_LENGTH - SLOT_LENGTH - filler.length;
  const block = new Uint8Array(KEYSTREAM_LENGTH);
  block.set(filler, start);
  return applyKeystream(keys, block).subarray(start);
}

function authenticated(keys: HopKeys, beta: Uint8Array): Uint8Array {
  return Buffer.concat([routingMac(keys, beta), beta]);
}

function versionBytes(version: SphinxVersion): number[] {
  return [0, version >> 8, version & 0xff];
}

function requireSound({ packetSize, hops, destination, payload }: SphinxMessage): void {
  if (hops.length < 1 || hops.length > MAX_HOPS) {
    throw new RangeError(`${hops.length} hops; a Sphinx packet has 1 to ${MAX_HOPS}`);
  }
  if (packetSize < MIN_PACKET_LENGTH || packetSize > MAX_PACKET_LENGTH) {
    throw new RangeError(`packet of ${packetSize} bytes; give ${MIN_PACKET_LENGTH} to ${MAX_PACKET_LENGTH}`);
  }
  const room = packetSize - HEADER_LENGTH - PAYLOAD_OVERHEAD;
  if (payload.length > room) {
    throw new RangeError(
      `payload of ${payload.length} bytes; a packet of ${packetSize} has room for ${room}`,
    );
  }
  if (destination.length !== DESTINATION_LENGTH) {
    throw new RangeError(`destination of ${destination.length} bytes; give ${DESTINATION_LENGTH}`);
  }
}
