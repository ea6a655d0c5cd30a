/** Nodes and packets for tests. */
import { randomBytes } from 'node:crypto';

import type { NodeCounters } from '../../src/localnet/counters.js';
import { encodePaddedNodeAddress } from '../../src/localnet/node-address.js';
import type { NodeSpec } from '../../src/localnet/node-host.js';
import type { RoutedPacket } from '../../src/localnet/packet.js';
import { build, type SphinxHop } from '../../src/localnet/sphinx/build.js';
import { PACKET_SIZES, type SphinxVersion } from '../../src/localnet/sphinx/format.js';
import { importPrivateKey, publicKeyOf } from '../../src/localnet/sphinx/x25519.js';

/** A mix node with keys of its own; its mix port is 20,000 and its id. */
export function mixSpec(id: number): NodeSpec {
  return { id, kind: 'mix', host: '127.0.0.1', mixPort: 20_000 + id, sphinxPrivateKey: randomBytes(32) };
}

/** A gateway with keys of its own, on a WebSocket port that the system chooses. */
export function gatewaySpec(id: number, options: { wsPort?: number; stateFile?: string } = {}): NodeSpec {
  const gateway = { identitySeed: randomBytes(32), host: '127.0.0.1', wsPort: 0, ...options };
  return { ...mixSpec(id), kind: 'gateway', gateway };
}

/** The node as a stop on the way. */
export function hopOf(spec: NodeSpec, delayMs = 0): SphinxHop {
  return {
    address: { host: spec.host, port: spec.mixPort },
    publicKey: publicKeyOf(importPrivateKey(spec.sphinxPrivateKey)),
    delayNs: BigInt(Math.round(delayMs * 1e6)),
  };
}

/** A packet with a random payload through `route`, addressed to its first hop. */
export function packetThrough(
  route: readonly SphinxHop[],
  options: {
    version?: SphinxVersion;
    packetSize?: number;
    payload?: Uint8Array;
    destination?: Uint8Array;
  } = {},
): RoutedPacket {
  const { version = 259, packetSize = PACKET_SIZES.regular, destination = randomBytes(32) } = options;
  const payload = options.payload ?? randomBytes(packetSize - 365);
  const packet = build({ version, packetSize, hops: route, destination, payload });
  return { nextHop: firstAddress(route), packetType: 0, keyRotation: 1, packet };
}

/** A message on its way to a client of a gateway, and the ack on its way back. */
export interface Mail {
  readonly route: readonly SphinxHop[];
  readonly ackRoute: readonly SphinxHop[];
  /** Identity keys of the clients. */
  readonly recipient?: Uint8Array;
  readonly sender?: Uint8Array;
  /** 1643 bytes. */
  readonly message?: Uint8Array;
  /** 21 bytes. */
  readonly ack?: Uint8Array;
}

/** A packet as clients send it: with an ack packet inside that the last hop is to release (sphinx.md section 7). */
export function packetWithAck(mail: Mail): RoutedPacket {
  const { route, ackRoute, recipient, sender, message = randomBytes(1643), ack = randomBytes(21) } = mail;
  const ackPacket = packetThrough(ackRoute, {
    packetSize: PACKET_SIZES.ack,
    payload: ack,
    ...(sender && { destination: sender }),
  });
  const ackHop = encodePaddedNodeAddress(ackPacket.nextHop, 19);
  const payload = Buffer.concat([ackHop, ackPacket.packet, message]);
  return packetThrough(route, { payload, ...(recipient && { destination: recipient }) });
}

/** How many packets were dropped, for whatever reason. */
export function dropsOf({ dropped }: NodeCounters): number {
  return Object.values({ ...dropped }).reduce((sum, count) => sum + count, 0);
}

function firstAddress([first]: readonly SphinxHop[]): SphinxHop['address'] {
  if (first === undefined) throw new RangeError('a route needs a hop');
  return first.address;
}
