import { timingSafeEqual, type KeyObject } from 'node:crypto';

import { NodeAddressError, readNodeAddress, type NodeAddress } from '../node-address.js';
import { SphinxError } from './errors.js';
import {
  ALPHA_LENGTH,
  BETA_LENGTH,
  FINAL_HOP,
  FORWARD_HOP,
  GAMMA_LENGTH,
  HEADER_LENGTH,
  isSphinxVersion,
  MAX_PACKET_LENGTH,
  MIN_PACKET_LENGTH,
  PAYLOAD_ZEROS,
  type SphinxVersion,
} from './format.js';
import { deriveHopKeys, payloadKey, type HopKeys } from './keys.js';
import { removeLionessLayer } from './lioness.js';
import { applyKeystream, KEYSTREAM_LENGTH, routingMac } from './routing.js';
import { blind, importPublicKey, x25519 } from './x25519.js';

/** A packet that another hop is to get. */
export interface UnwrappedForward {
  readonly kind: 'forward';
  readonly version: SphinxVersion;
  /** 32 bytes; a packet whose tag was seen before is a replay. */
  readonly replayTag: Uint8Array;
  readonly nextHop: NodeAddress;
  /** How long to hold the packet, in nanoseconds, as the sender wrote it: any unsigned 64-bit number. */
  readonly delayNs: bigint;
  /** The packet for the next hop, as long as the one unwrapped, in memory of its own. */
  readonly packet: Uint8Array;
}

/** A packet that has arrived. */
export interface UnwrappedFinal {
  readonly kind: 'final';
  readonly version: SphinxVersion;
  /** 32 bytes; a packet whose tag was seen before is a replay. */
  readonly replayTag: Uint8Array;
  /** The recipient's 32-byte ed25519 identity key. */
  readonly destination: Uint8Array;
  /** The plaintext. */
  readonly payload: Uint8Array;
}

export type Unwrapped = UnwrappedForward | UnwrappedFinal;

/**
 * Does what a hop does to a packet (sphinx.md section 4): checks it, finds out where it goes and removes one layer
 * of encryption. `packet` is not changed. Whether it is a replay is for the caller to check; the MAC is good then.
 *
 * @param privateKey the hop's X25519 key, from `importPrivateKey`
 * @throws {SphinxError} if the packet is to be dropped
 */
export function unwrap(privateKey: KeyObject, packet: Uint8Array): Unwrapped {
  if (packet.length < MIN_PACKET_LENGTH || packet.length > MAX_PACKET_LENGTH) {
    throw new SphinxError('bad-length', `a Sphinx packet cannot have ${packet.length} bytes`);
  }
  const alpha = importPublicKey(packet.subarray(0, ALPHA_LENGTH));
  const gamma = packet.subarray(ALPHA_LENGTH, ALPHA_LENGTH + GAMMA_LENGTH);
  const beta = packet.subarray(ALPHA_LENGTH + GAMMA_LENGTH, HEADER_LENGTH);

  const keys = deriveHopKeys(sharedSecret(privateKey, alpha));
  if (!timingSafeEqual(routingMac(keys, beta), gamma)) {
    throw new SphinxError('bad-mac', 'the MAC of the packet is not good for this key');
  }
  const routing = decryptRouting(keys, beta);
  const version = readVersion(routing);

  if (routing[0] === FORWARD_HOP) return forward(keys, version, routing, alpha, packet);
  if (routing[0] === FINAL_HOP) return final(keys, version, routing, packet);
  throw new SphinxError(
    'bad-routing',
    `routing flag ${String(routing[0])}; 1 (forward) or 2 (final) expected`,
  );
}

/** Routing block: 1 | version 3 | next hop 32 | delay in ns 8 | gamma 16 | beta 300 */
function forward(
  keys: HopKeys,
  version: SphinxVersion,
  routing: Uint8Array,
  alpha: KeyObject,
  packet: Uint8Array,
): UnwrappedForward {
  const nextHop = readNextHop(routing.subarray(4, 36));
  const delayNs = new DataView(routing.buffer, routing.byteOffset).getBigUint64(36);

  const next = new Uint8Array(packet.length);
  next.set(blind(version, keys.blindingFactor, alpha), 0);
  next.set(routing.subarray(44, 44 + GAMMA_LENGTH + BETA_LENGTH), ALPHA_LENGTH);
  next.set(packet.subarray(HEADER_LENGTH), HEADER_LENGTH);
  removeLionessLayer(payloadKey(version, keys), next.subarray(HEADER_LENGTH));
  return { kind: 'forward', version, replayTag: keys.replayTag, nextHop, delayNs, packet: next };
}

/** Routing block: 2 | version 3 | destination 32 | SURB identifier 16, always zero | padding */
function final(
  keys: HopKeys,
  version: SphinxVersion,
  routing: Uint8Array,
  packet: Uint8Array,
): UnwrappedFinal {
  const destination = new Uint8Array(routing.subarray(4, 36));
  const delta = new Uint8Array(packet.subarray(HEADER_LENGTH));
  removeLionessLayer(payloadKey(version, keys), delta);
  return { kind: 'final', version, replayTag: keys.replayTag, destination, payload: removePadding(delta) };
}

/** 16 zeros | plaintext | 0x01 | zeros */
function removePadding(delta: Uint8Array): Uint8Array {
  const end = delta.lastIndexOf(1);
  if (end < PAYLOAD_ZEROS || delta.subarray(0, PAYLOAD_ZEROS).some((byte) => byte !== 0)) {
    throw new SphinxError('bad-payload', 'the payload was changed on the way');
  }
  return delta.subarray(PAYLOAD_ZEROS, end);
}

function decryptRouting(keys: HopKeys, beta: Uint8Array): Uint8Array {
  const padded = new Uint8Array(KEYSTREAM_LENGTH);
  padded.set(beta);
  return applyKeystream(keys, padded);
}

function readVersion(routing: Uint8Array): SphinxVersion {
  const [, zero = 0, high = 0, low = 0] = routing.subarray(0, 4);
  const version = (zero << 16) | (high << 8) | low;
  if (isSphinxVersion(version)) return version;
  throw new SphinxError('unknown-version', `Sphinx version ${version}; 1 or 257 to 260 expected`);
}

function readNextHop(bytes: Uint8Array): NodeAddress {
  try {
    return readNodeAddress(bytes).address;
  } catch (error) {
    if (error instanceof NodeAddressError) throw new SphinxError('bad-routing', error.message);
    throw error;
  }
}

function sharedSecret(privateKey: KeyObject, alpha: KeyObject): Uint8Array {
  try {
    return x25519(privateKey, alpha);
  } catch {
    throw new SphinxError('bad-alpha', 'alpha is a point of low order');
  }
}
