/**
 * What the last hop of a packet finds in its payload (gateway.md section 9).
 *
 * @module
 */
import { ACK_ADDRESS_LENGTH } from '../node-address.js';
import type { FinalHop, RoutedPacket } from '../packet.js';
import { nodeAddressAt } from './frames.js';

/** Length of an ack packet; every other packet carries one. */
const ACK_PACKET_LENGTH = 386;
const MESSAGE_START = ACK_ADDRESS_LENGTH + ACK_PACKET_LENGTH;
const ADDRESS_LENGTH = 32;

/** What goes to the recipient, and what goes back to the sender. */
export interface FinalPayload {
  readonly message: Uint8Array;
  /** `undefined` if the message is itself an ack. */
  readonly ack: RoutedPacket | undefined;
}

/** Splits the payload; `undefined` if there is nobody to deliver to or no ack in front of the message. */
export function splitFinalPayload(final: FinalHop): FinalPayload | undefined {
  const { destination, payload, packetSize, packetType, keyRotation } = final;
  if (destination.length !== ADDRESS_LENGTH) return undefined;
  if (packetSize === ACK_PACKET_LENGTH) return { message: payload, ack: undefined };
  const ackHop = payload.length < MESSAGE_START ? undefined : nodeAddressAt(payload);
  if (ackHop === undefined) return undefined;
  const packet = payload.slice(ACK_ADDRESS_LENGTH, MESSAGE_START);
  return {
    message: payload.subarray(MESSAGE_START),
    ack: { nextHop: ackHop.address, packetType, keyRotation, packet },
  };
}
