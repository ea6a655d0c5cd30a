/**
 * The key a client and its gateway agree on at registration, and what is encrypted with it (gateway.md section 3).
 *
 * @module
 */
import { gcmsiv } from '@noble/ciphers/aes.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { hkdf } from '@noble/hashes/hkdf.js';

/** 32 bytes, for AES-256-GCM-SIV. */
export type SharedKey = Uint8Array;

/** Length of the salt that goes into the key. */
export const SALT_LENGTH = 16;
/** Length of the nonce that goes with whatever is encrypted. */
export const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** The key of a handshake, from the X25519 secret and the client's salt. */
export function deriveSharedKey(secret: Uint8Array, salt: Uint8Array): SharedKey {
  return hkdf(blake3, secret, salt, undefined, 32);
}

/** Encrypts and authenticates. */
export function seal(key: SharedKey, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return gcmsiv(key, nonce).encrypt(plaintext);
}

/** Undoes {@link seal}; `undefined` if it is not authentic. */
export function open(key: SharedKey, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (nonce.length !== NONCE_LENGTH || sealed.length < TAG_LENGTH) return undefined;
  try {
    return gcmsiv(key, nonce).decrypt(sealed);
  } catch {
    return undefined;
  }
}
