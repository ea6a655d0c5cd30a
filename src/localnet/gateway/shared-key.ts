/**
 * The key a client and its gateway agree on at registration, and what is encrypted with it (gateway.md section 3).
 *
 * @module
 */
import { createCipheriv, timingSafeEqual } from 'node:crypto';
import { gcmsiv } from '@noble/ciphers/aes.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { concat } from './bytes.js';

/**
 * `siv`: 32 bytes for AES-256-GCM-SIV.
 * `legacy`: 16 bytes for AES-128-CTR, then 16 for HMAC-BLAKE3.
 */
export interface SharedKey {
  readonly kind: 'siv' | 'legacy';
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

/** Length of the salt of a key that is not legacy. */
export const SALT_LENGTH = 16;
const SIV_TAG_LENGTH = 16;
const MAC_LENGTH = 32;
const NONCE_LENGTH = { siv: 12, legacy: 16 } as const;

/** Length of the nonce that goes with a key. */
export function nonceLength(key: SharedKey): 12 | 16 {
  return NONCE_LENGTH[key.kind];
}

/** The key of a handshake: from the X25519 secret and the client's salt, or without salt a legacy one. */
export function deriveSharedKey(secret: Uint8Array, salt: Uint8Array | undefined): SharedKey {
  return {
    kind: salt === undefined ? 'legacy' : 'siv',
    bytes: hkdf(blake3, secret, salt, undefined, 32),
  };
}

/** What a legacy key becomes when its client asks for it (gateway.md section 4.4). */
export function upgradeSharedKey(legacy: SharedKey, salt: Uint8Array): SharedKey {
  return { kind: 'siv', bytes: hkdf(blake3, legacy.bytes, salt, undefined, 32) };
}

/** By which both sides make sure that they derived the same key. */
export function sharedKeyDigest(key: SharedKey): Uint8Array {
  return blake3(key.bytes);
}

/** Encrypts what binary frames and encrypted requests carry. */
export function seal(key: SharedKey, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  if (key.kind === 'siv') return gcmsiv(key.bytes, nonce).encrypt(plaintext);
  const ciphertext = applyCtr(key, nonce, plaintext);
  return concat(mac(key, ciphertext), ciphertext);
}

/** Undoes {@link seal}; `undefined` if it is not authentic. */
export function open(key: SharedKey, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (nonce.length !== nonceLength(key)) return undefined;
  if (key.kind === 'siv') return openSiv(key, nonce, sealed);
  if (sealed.length < MAC_LENGTH) return undefined;
  const ciphertext = sealed.subarray(MAC_LENGTH);
  if (!timingSafeEqual(mac(key, ciphertext), sealed.subarray(0, MAC_LENGTH))) return undefined;
  return applyCtr(key, nonce, ciphertext);
}

/** Encrypts in the handshake and in authentication, where legacy keys have no MAC. */
export function sealBare(key: SharedKey, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return key.kind === 'siv' ? seal(key, nonce, plaintext) : applyCtr(key, nonce, plaintext);
}

/** Undoes {@link sealBare}; with a legacy key whatever comes out. */
export function openBare(key: SharedKey, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (nonce.length !== nonceLength(key)) return undefined;
  return key.kind === 'siv' ? openSiv(key, nonce, sealed) : applyCtr(key, nonce, sealed);
}

function openSiv(key: SharedKey, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < SIV_TAG_LENGTH) return undefined;
  try {
    return gcmsiv(key.bytes, nonce).decrypt(sealed);
  } catch {
    return undefined;
  }
}

function applyCtr(key: SharedKey, iv: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createCipheriv('aes-128-ctr', key.bytes.subarray(0, 16), iv).update(bytes));
}

function mac(key: SharedKey, ciphertext: Uint8Array): Uint8Array {
  return hmac(blake3, key.bytes.subarray(16), ciphertext);
}
