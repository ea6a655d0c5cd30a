/**
 * A gateway without a mixnet behind it, for tests.
 *
 * @module
 */
import type { TestContext } from 'node:test';
import { concat } from '../../src/localnet/gateway/bytes.js';
import { Gateway } from '../../src/localnet/gateway/gateway.js';
import type { GatewayMemory, GatewayOptions } from '../../src/localnet/gateway/gateway.js';
import { identityFromSeed } from '../../src/localnet/keys.js';
import type { Identity } from '../../src/localnet/keys.js';
import { encodePaddedNodeAddress } from '../../src/localnet/node-address.js';
import type { FinalHop, RoutedPacket } from '../../src/localnet/packet.js';
import { GatewayClient, testIdentity } from './gateway-client.js';

/** A first mix node, to which nothing is sent in these tests. */
export const FIRST_MIX = { host: '127.0.0.1', port: 1789 };
export const ACK_HOP = { host: '127.0.0.2', port: 1790 };
export const ACK_PACKET = new Uint8Array(386).fill(0xac);

const SEED = new Uint8Array(32).fill(22);

/** A running gateway and what it passed on. */
export interface TestGateway {
  readonly gateway: Gateway;
  readonly identityKey: Uint8Array;
  readonly forwarded: RoutedPacket[];
  readonly connect: (identity?: Identity) => Promise<GatewayClient>;
  /** A client that has just registered, on the connection on which it did. */
  readonly registered: (identity?: Identity) => Promise<GatewayClient>;
  /** A new connection of a client that registered before, authenticated. */
  readonly returning: (client: GatewayClient) => Promise<GatewayClient>;
}

/** Starts a gateway that ends with the test. `forward` replaces the recording of packets. */
export async function startTestGateway(
  context: Pick<TestContext, 'after'>,
  options: Partial<GatewayOptions> & {
    memory?: GatewayMemory;
    forward?: (packet: RoutedPacket) => void;
  } = {},
): Promise<TestGateway> {
  const { memory, forward, ...rest } = options;
  const forwarded: RoutedPacket[] = [];
  const gateway = await Gateway.start(
    { identitySeed: SEED, host: '127.0.0.1', wsPort: 0, ...rest },
    forward ?? ((packet) => forwarded.push(packet)),
    memory,
  );
  context.after(() => gateway.close().catch(() => undefined));
  const identityKey = identityFromSeed(SEED).publicKey;
  const connect = (identity = testIdentity()) => GatewayClient.connect(gateway.wsPort, identity);
  return {
    gateway,
    identityKey,
    forwarded,
    connect,
    registered: async (identity) => {
      const client = await connect(identity);
      await client.register(identityKey);
      return client;
    },
    returning: async ({ identity, key }) => {
      const client = await GatewayClient.connect(gateway.wsPort, identity, key);
      client.authenticateV2();
      await client.nextReply('authenticate');
      return client;
    },
  };
}

/** The last hop of a regular packet that brings `message` to `recipient`. */
export function messageHop(recipient: Identity, message: Uint8Array, keyRotation = 0): FinalHop {
  return {
    destination: recipient.publicKey,
    payload: concat(encodePaddedNodeAddress(ACK_HOP, 19), ACK_PACKET, message),
    packetSize: 2413,
    packetType: 0,
    keyRotation,
  };
}

/** The last hop of an ack packet. */
export function ackHop(recipient: Identity, ack: Uint8Array): FinalHop {
  return { destination: recipient.publicKey, payload: ack, packetSize: 386, packetType: 0, keyRotation: 0 };
}

/** 1643 bytes, as in a regular packet, that differ from those of another number. */
export function testMessage(number: number): Uint8Array {
  const message = new Uint8Array(1643);
  new DataView(message.buffer).setUint32(0, number);
  return message;
}
