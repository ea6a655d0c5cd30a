import { base58 } from '@scure/base';

import { WireError } from './errors.js';

const KEY_BYTES = 32;

/**
 * A Nym address in its parts: `base58(identity).base58(encryption)@base58(gateway)`
 * (tcp-proxy.md section 1).
 */
export interface NymAddress {
  /** The client's ed25519 identity key, 32 bytes. */
  readonly identity: Uint8Array;
  /** The client's x25519 encryption key, 32 bytes. */
  readonly encryption: Uint8Array;
  /** The ed25519 identity key of the client's gateway, 32 bytes. */
  readonly gateway: Uint8Array;
}

/**
 * Reads a Nym address.
 *
 * @throws {WireError} naming the part that is wrong.
 */
export function parseNymAddress(text: string): NymAddress {
  const [client, gateway, ...afterGateway] = text.trim().split('@');
  const [identity, encryption, ...afterEncryption] = (client ?? '').split('.');
  if (!identity || !encryption || !gateway || afterGateway.length > 0 || afterEncryption.length > 0) {
    throw new WireError('a Nym address has the form IDENTITY.ENCRYPTION@GATEWAY, each part in base58');
  }
  return {
    identity: key('identity', identity),
    encryption: key('encryption', encryption),
    gateway: key('gateway', gateway),
  };
}

/** Writes a Nym address as text. */
export function formatNymAddress(address: NymAddress): string {
  const { identity, encryption, gateway } = address;
  return `${base58.encode(identity)}.${base58.encode(encryption)}@${base58.encode(gateway)}`;
}

function key(part: string, text: string): Uint8Array {
  // 32 bytes are at most 44 base58 digits; decoding takes quadratic time, so longer input is refused unread.
  if (text.length > 44) throw new WireError(`the ${part} part of the Nym address is too long`);
  let bytes: Uint8Array;
  try {
    bytes = base58.decode(text);
  } catch (error) {
    throw new WireError(`the ${part} part of the Nym address is not base58`, { cause: error });
  }
  if (bytes.length !== KEY_BYTES) {
    throw new WireError(
      `the ${part} part of the Nym address has ${bytes.length} bytes instead of ${KEY_BYTES}`,
    );
  }
  return bytes;
}
