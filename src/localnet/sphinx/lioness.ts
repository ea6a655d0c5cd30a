import { keyedBlake2b } from './blake2b.js';
import { chacha20 } from './chacha20.js';

/**
 * Lioness: a cipher whose block is the whole payload, so that one changed bit garbles all of it (sphinx.md section 5).
 *
 * The block is L (32 bytes) followed by R (the rest). The key is k1 (32), k2 (64), k3 (32), k4 (64).
 *
 * @module
 */

export const LIONESS_KEY_LENGTH = 192;

const LEFT_LENGTH = 32;

interface Keys {
  readonly k1: Uint8Array;
  readonly k2: Uint8Array;
  readonly k3: Uint8Array;
  readonly k4: Uint8Array;
}

/**
 * Encrypts `block` in place, as a sender does for each hop.
 * @throws {RangeError} if the key is not 192 bytes long or the block shorter than 33
 */
export function addLionessLayer(key: Uint8Array, block: Uint8Array): void {
  const { k1, k2, k3, k4 } = splitKey(key);
  const { left, right } = splitBlock(block);
  encryptRight(left, right, k1);
  hashIntoLeft(left, right, k2);
  encryptRight(left, right, k3);
  hashIntoLeft(left, right, k4);
}

/**
 * Decrypts `block` in place, as each hop does.
 * @throws {RangeError} if the key is not 192 bytes long or the block shorter than 33
 */
export function removeLionessLayer(key: Uint8Array, block: Uint8Array): void {
  const { k1, k2, k3, k4 } = splitKey(key);
  const { left, right } = splitBlock(block);
  hashIntoLeft(left, right, k4);
  encryptRight(left, right, k3);
  hashIntoLeft(left, right, k2);
  encryptRight(left, right, k1);
}

/** R ^= ChaCha20(key = L ^ k) */
function encryptRight(left: Uint8Array, right: Uint8Array, k: Uint8Array): void {
  right.set(chacha20(xor(left, k), right));
}

/** L ^= BLAKE2b(key = k, R) */
function hashIntoLeft(left: Uint8Array, right: Uint8Array, k: Uint8Array): void {
  left.set(xor(left, keyedBlake2b(k, right)));
}

function splitKey(key: Uint8Array): Keys {
  if (key.length !== LIONESS_KEY_LENGTH) {
    throw new RangeError(`Lioness key of ${key.length} bytes; give ${LIONESS_KEY_LENGTH}`);
  }
  return {
    k1: key.subarray(0, 32),
    k2: key.subarray(32, 96),
    k3: key.subarray(96, 128),
    k4: key.subarray(128),
  };
}

function splitBlock(block: Uint8Array): { left: Uint8Array; right: Uint8Array } {
  if (block.length <= LEFT_LENGTH) {
    throw new RangeError(`Lioness block of ${block.length} bytes; it needs more than ${LEFT_LENGTH}`);
  }
  return { left: block.subarray(0, LEFT_LENGTH), right: block.subarray(LEFT_LENGTH) };
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}
