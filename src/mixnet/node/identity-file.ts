import { createHash } from 'node:crypto';

import { decodeValue, encodeValue } from './portable-values.js';

/** What makes a mixnet client the same one at its next start. */
export interface StoredIdentity {
  /** Base58 identity of the gateway, which is a part of the Nym address. */
  readonly gateway: string;
  /** The official client's database: keys, and what the gateway knows the client by. */
  readonly database: Uint8Array;
}

const HEADER = Buffer.from('nym-tcp-proxy identity 2\n');
/** What earlier versions wrote, in V8's own serialization. It is as long. */
const OLD_HEADER = Buffer.from('nym-tcp-proxy identity 1\n');
const CHECKSUM_BYTES = 32;

/** `header ‖ SHA-256 of the rest ‖ identity`, the latter as `portable-values.ts` documents it. */
export function encodeIdentity(identity: StoredIdentity): Uint8Array {
  const body = encodeValue(identity);
  return Buffer.concat([HEADER, sha256(body), body]);
}

/**
 * Reads what {@link encodeIdentity} wrote, of this or an earlier version.
 *
 * @throws {Error} saying in what way it is not that.
 */
export function decodeIdentity(bytes: Uint8Array): StoredIdentity {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = file.subarray(0, HEADER.length);
  if (!header.equals(HEADER) && !header.equals(OLD_HEADER))
    throw new Error('it is not an identity file of this program');
  const checksum = file.subarray(HEADER.length, HEADER.length + CHECKSUM_BYTES);
  const body = file.subarray(HEADER.length + CHECKSUM_BYTES);
  if (!sha256(body).equals(checksum)) throw new Error('it is damaged, its checksum does not match');
  const { gateway, database } = decodeValue(body) as StoredIdentity;
  // A copy of its own, since it is handed to a worker.
  return { gateway, database: new Uint8Array(database) };
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
