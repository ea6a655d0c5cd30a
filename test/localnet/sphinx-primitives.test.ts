import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { chacha20orig } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 as nobleX25519 } from '@noble/curves/ed25519.js';
import { blake2b } from '@noble/hashes/blake2.js';
import fc from 'fast-check';

import { keyedBlake2b } from '../../src/localnet/sphinx/blake2b.js';
import { chacha20, nativeChacha20, portableChacha20 } from '../../src/localnet/sphinx/chacha20.js';
import { addLionessLayer, removeLionessLayer } from '../../src/localnet/sphinx/lioness.js';
import {
  blind,
  clampedEquivalent,
  importPrivateKey,
  importPublicKey,
  publicKeyOf,
  x25519,
} from '../../src/localnet/sphinx/x25519.js';

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const plain = (array: Uint8Array): Uint8Array => new Uint8Array(array);

describe('keyed BLAKE2b', () => {
  it('equals that of noble for every length around its block size', () => {
    const key = Uint8Array.from({ length: 64 }, (_, i) => 255 - i);
    const data = Uint8Array.from({ length: 400 }, (_, i) => i * 7);
    for (let length = 0; length <= data.length; length += 1) {
      const part = data.subarray(0, length);
      assert.deepEqual(keyedBlake2b(key, part), blake2b(part, { key, dkLen: 32 }), `${length} bytes`);
    }
  });

  it('equals that of noble for random keys and data, whatever was hashed before', () => {
    fc.assert(
      fc.property(bytes(64), fc.uint8Array({ maxLength: 5000, size: 'max' }), (key, data) => {
        assert.deepEqual(keyedBlake2b(key, data), blake2b(data, { key, dkLen: 32 }));
      }),
    );
  });

  it('hashes as much as the largest packet holds', () => {
    const key = new Uint8Array(64).fill(1);
    const data = new Uint8Array(33133).fill(2);
    assert.deepEqual(keyedBlake2b(key, data), blake2b(data, { key, dkLen: 32 }));
  });

  it('refuses what its memory does not hold, and keys of another length', () => {
    assert.throws(() => keyedBlake2b(new Uint8Array(64), new Uint8Array(65_281)), RangeError);
    assert.throws(() => keyedBlake2b(new Uint8Array(32), new Uint8Array(1)), RangeError);
  });
});

describe('ChaCha20', () => {
  it('comes out the same from OpenSSL and from the code for runtimes without it', () => {
    fc.assert(
      fc.property(bytes(32), fc.uint8Array({ maxLength: 300 }), (key, data) => {
        assert.deepEqual(plain(nativeChacha20(key, data)), plain(portableChacha20(key, data)));
      }),
    );
    assert.equal(chacha20, nativeChacha20);
  });
});

describe('Lioness', () => {
  const block = fc.uint8Array({ minLength: 33, maxLength: 3000, size: 'max' });

  it('removes the layer that it added', () => {
    fc.assert(
      fc.property(bytes(192), block, (key, original) => {
        const encrypted = original.slice();
        addLionessLayer(key, encrypted);
        assert.notDeepEqual(encrypted, original);
        removeLionessLayer(key, encrypted);
        assert.deepEqual(encrypted, original);
      }),
    );
  });

  it('is the cipher that sphinx.md section 5 describes, written with noble', () => {
    fc.assert(
      fc.property(bytes(192), block, (key, original) => {
        const encrypted = original.slice();
        addLionessLayer(key, encrypted);
        assert.deepEqual(encrypted, nobleLioness(key, original));
      }),
    );
  });

  it('refuses keys and blocks that are too short', () => {
    assert.throws(() => addLionessLayer(new Uint8Array(191), new Uint8Array(40)), RangeError);
    assert.throws(() => removeLionessLayer(new Uint8Array(192), new Uint8Array(32)), RangeError);
  });
});

describe('X25519', () => {
  it('equals that of noble, and so do public keys', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (a, b) => {
        const theirs = nobleX25519.getPublicKey(b);
        assert.deepEqual(plain(publicKeyOf(importPrivateKey(a))), nobleX25519.getPublicKey(a));
        const shared = x25519(importPrivateKey(a), importPublicKey(theirs));
        assert.deepEqual(plain(shared), nobleX25519.getSharedSecret(a, theirs));
      }),
      { numRuns: 30 },
    );
  });

  it('blinds from version 258 on as X25519 does', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), fc.constantFrom(258, 259, 260), (factor, key, version) => {
        const alpha = nobleX25519.getPublicKey(key);
        const blinded = blind(version, factor, importPublicKey(alpha));
        assert.deepEqual(plain(blinded), nobleX25519.getSharedSecret(factor, alpha));
      }),
      { numRuns: 30 },
    );
  });

  it('blinds up to version 257 by the factor as it is, without clamping', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), fc.constantFrom(1, 257), (factor, seed, version) => {
        const point = ed25519.Point.BASE.multiply(ed25519.Point.Fn.create(littleEndian(seed)));
        const product = point.multiply(ed25519.Point.Fn.create(littleEndian(factor)));
        const alpha = ed25519.utils.toMontgomery(point.toBytes());
        const blinded = blind(version, factor, importPublicKey(alpha));
        assert.deepEqual(plain(blinded), ed25519.utils.toMontgomery(product.toBytes()));
      }),
      { numRuns: 30 },
    );
  });

  it('finds a scalar that clamping leaves alone', () => {
    fc.assert(
      fc.property(bytes(32), (factor) => {
        const scalar = littleEndian(clampedEquivalent(factor));
        assert.equal(scalar % 8n, 0n);
        assert.equal(scalar >> 254n, 1n);
      }),
    );
  });

  it('refuses keys of another length', () => {
    assert.throws(() => importPrivateKey(new Uint8Array(31)), RangeError);
    assert.throws(() => importPublicKey(new Uint8Array(33)), RangeError);
  });
});

function littleEndian(array: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(array).reverse().toString('hex')}`);
}

type Bytes = Uint8Array<ArrayBuffer>;

function nobleLioness(key: Uint8Array, block: Uint8Array): Uint8Array {
  const xor = (a: Uint8Array, b: Uint8Array): Bytes => new Uint8Array(a.map((byte, i) => byte ^ (b[i] ?? 0)));
  const stream = (left: Uint8Array, k: Uint8Array, right: Uint8Array): Bytes =>
    new Uint8Array(chacha20orig(xor(left, k), new Uint8Array(8), right));
  const hash = (k: Uint8Array, right: Uint8Array): Uint8Array => blake2b(right, { key: k, dkLen: 32 });

  let left = new Uint8Array(block.subarray(0, 32));
  let right = new Uint8Array(block.subarray(32));
  right = stream(left, key.subarray(0, 32), right);
  left = xor(left, hash(key.subarray(32, 96), right));
  right = stream(left, key.subarray(96, 128), right);
  left = xor(left, hash(key.subarray(128), right));
  return Uint8Array.from([...left, ...right]);
}
