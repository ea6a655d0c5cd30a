/**
 * Binary frames: what clients want passed on, and what they get (gateway.md section 6).
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { NodeAddressError, readNodeAddress } from '../node-address.js';
import type { RoutedPacket } from '../packet.js';
import { concat } from './bytes.js';
import { NONCE_LENGTH, open, seal } from './shared-key.js';
import type { SharedKey } from './shared-key.js';

/** Frame kinds of clients. */
const FORWARD_V1 = 1;
const FORWARD_V2 = 2;
/** The frame kind of the gateway. */
const PUSHED_MESSAGE = 1;
const ENCRYPTED = 1;
const HEADER_LENGTH = 2;

/** Only Sphinx packets are passed on; Outfox is another format. */
const SPHINX_PACKET = 0;
/** All lengths of Sphinx packets (gateway.md section 6.1). */
const PACKET_SIZES: ReadonlySet<number> = new Set([386, 2413, 8557, 16749, 33133]);
const UNKNOWN_ROTATION = 0;
const HIGHEST_ROTATION = 2;

/** A decrypted frame. */
export interface ForwardRequest {
  /** Whether a key rotation byte follows the packet type. */
  readonly hasRotation: boolean;
  readonly body: Uint8Array;
}

/** Decrypts a frame; `undefined` if it is not authentic or of another kind. */
export function openForwardRequest(key: SharedKey, frame: Uint8Array): ForwardRequest | undefined {
  const [kind, encrypted] = frame;
  if ((kind !== FORWARD_V1 && kind !== FORWARD_V2) || encrypted !== ENCRYPTED) return undefined;
  const bodyStart = HEADER_LENGTH + NONCE_LENGTH;
  const body = open(key, frame.subarray(HEADER_LENGTH, bodyStart), frame.subarray(bodyStart));
  return body && { hasRotation: kind === FORWARD_V2, body };
}

/** Reads a decrypted frame; `undefined` if a real gateway would not pass it on. */
export function parseForwardRequest({ hasRotation, body }: ForwardRequest): RoutedPacket | undefined {
  const packetType = body[0];
  const keyRotation = hasRotation ? body[1] : UNKNOWN_ROTATION;
  if (packetType !== SPHINX_PACKET || keyRotation === undefined || keyRotation > HIGHEST_ROTATION) {
    return undefined;
  }
  const rest = body.subarray(hasRotation ? 2 : 1);
  const nextHop = nodeAddressAt(rest);
  if (nextHop === undefined || !PACKET_SIZES.has(rest.length - nextHop.length)) return undefined;
  return { nextHop: nextHop.address, packetType, keyRotation, packet: rest.slice(nextHop.length) };
}

/** The frame that hands `message` to a client. */
export function sealPush(key: SharedKey, message: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_LENGTH);
  return concat(Uint8Array.of(PUSHED_MESSAGE, ENCRYPTED), nonce, seal(key, nonce, message));
}

/** The node address at the start of `bytes`; `undefined` if there is none. */
export function nodeAddressAt(bytes: Uint8Array): ReturnType<typeof readNodeAddress> | undefined {
  try {
    return readNodeAddress(bytes);
  } catch (error) {
    if (error instanceof NodeAddressError) return undefined;
    throw error;
  }
}
