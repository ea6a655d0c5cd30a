import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';

import { FIRST_CLAMPED_VERSION, type SphinxVersion } from './format.js';

/** Length in bytes of a private key, a public key, a blinding factor and a shared secret. */
export const X25519_LENGTH = 32;

/** The base point of Curve25519 (RFC 7748 section 4.1). */
const BASE_POINT = importPublicKey(Uint8Array.of(9, ...new Uint8Array(X25519_LENGTH - 1)));
/** Order of the group it generates (RFC 7748 section 4.1). */
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** PKCS #8 header of an X25519 private key (RFC 8410 section 7). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b656e04220420', 'hex');
const JWK_ZERO = Buffer.alloc(X25519_LENGTH).toString('base64url');

/**
 * OpenSSL wants no public key with a private one, a JWK does. Node 20 does not look at it, so that a blinding factor,
 * whose public key nobody needs, can be given as a JWK with a wrong one; that takes a tenth of the time of PKCS #8.
 * Later versions of Node compare the two, 26.3 for one.
 */
const JWK_PUBLIC_HALF_IGNORED = ((): boolean => {
  try {
    importPrivateJwk(Uint8Array.of(1, ...new Uint8Array(X25519_LENGTH - 1)));
    return true;
  } catch {
    return false;
  }
})();

/**
 * Imports a raw private key; clamping is part of every use of it.
 * @throws {RangeError} if it is not 32 bytes long
 */
export function importPrivateKey(bytes: Uint8Array): KeyObject {
  requireLength(bytes);
  if (JWK_PUBLIC_HALF_IGNORED) return importPrivateJwk(bytes);
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, bytes]), format: 'der', type: 'pkcs8' });
}

/**
 * Imports a raw public key. Any 32 bytes are one.
 * @throws {RangeError} if it is not 32 bytes long
 */
export function importPublicKey(bytes: Uint8Array): KeyObject {
  requireLength(bytes);
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(bytes) }, format: 'jwk' });
}

/** The raw public key to a private key. */
export function publicKeyOf(privateKey: KeyObject): Uint8Array {
  return x25519(privateKey, BASE_POINT);
}

/**
 * X25519 of RFC 7748.
 * @throws {Error} if `publicKey` is a point of low order
 */
export function x25519(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  return diffieHellman({ privateKey, publicKey });
}

/**
 * The alpha of the next hop: `alpha` times the blinding factor (sphinx.md section 3).
 * @throws {Error} if `alpha` is a point of low order
 */
export function blind(version: SphinxVersion, factor: Uint8Array, alpha: KeyObject): Uint8Array {
  const scalar = version >= FIRST_CLAMPED_VERSION ? factor : clampedEquivalent(factor);
  return x25519(importPrivateKey(scalar), alpha);
}

/**
 * A scalar that clamping does not change, and that takes points of the prime-order group to the same x-coordinate as
 * `factor` without clamping does: a multiple of 8 that is congruent to plus or minus `factor` modulo the group order,
 * with bit 254 set.
 */
export function clampedEquivalent(factor: Uint8Array): Uint8Array {
  const reduced = BigInt(`0x${Buffer.from(factor).reverse().toString('hex')}`) % GROUP_ORDER;
  // The order is 5 modulo 8, so adding it 3 * reduced times adds 15 * reduced = -reduced modulo 8.
  const multipleOf8 = reduced + ((3n * reduced) % 8n) * GROUP_ORDER;
  const scalar = multipleOf8 < 2n ** 254n ? 8n * GROUP_ORDER - multipleOf8 : multipleOf8;
  return Buffer.from(scalar.toString(16).padStart(2 * X25519_LENGTH, '0'), 'hex').reverse();
}

function importPrivateJwk(bytes: Uint8Array): KeyObject {
  const jwk = { kty: 'OKP', crv: 'X25519', d: base64url(bytes), x: JWK_ZERO };
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

function requireLength(bytes: Uint8Array): void {
  if (bytes.length !== X25519_LENGTH) throw new RangeError(`X25519 key of ${bytes.length} bytes; give 32`);
}
