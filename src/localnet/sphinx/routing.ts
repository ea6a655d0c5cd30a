import { createCipheriv, createHmac } from 'node:crypto';

import { BETA_LENGTH, GAMMA_LENGTH, SLOT_LENGTH } from './format.js';
import type { HopKeys } from './keys.js';

/** Encrypting and authenticating the routing block beta (sphinx.md section 4). */

/** A hop decrypts its 300 bytes and the 60 zeros it appends, from which the next beta gets its last slot. */
export const KEYSTREAM_LENGTH = BETA_LENGTH + SLOT_LENGTH;

const ZERO_IV = new Uint8Array(16);

/** `bytes` (at most {@link KEYSTREAM_LENGTH}) XOR the hop's AES-128-CTR keystream, as a new array. */
export function applyKeystream({ streamKey }: HopKeys, bytes: Uint8Array): Uint8Array {
  return createCipheriv('aes-128-ctr', streamKey, ZERO_IV).update(bytes);
}

/** Gamma: the first 16 bytes of HMAC-SHA256 over beta. */
export function routingMac({ macKey }: HopKeys, beta: Uint8Array): Uint8Array {
  return createHmac('sha256', macKey).update(beta).digest().subarray(0, GAMMA_LENGTH);
}
