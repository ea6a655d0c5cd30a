import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import {
  canonicalNodeAddress,
  encodeNodeAddress,
  encodePaddedNodeAddress,
  formatNodeAddress,
  NodeAddressError,
  readNodeAddress,
} from '../../src/localnet/node-address.js';

const port = fc.integer({ min: 0, max: 0xffff });
const address = fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port });

describe('a node address', () => {
  it('has 7 bytes with IPv4: version, port, octets', () => {
    const bytes = encodeNodeAddress({ host: '10.1.2.3', port: 0x1789 });
    assert.deepEqual(bytes, Uint8Array.of(4, 0x17, 0x89, 10, 1, 2, 3));
  });

  it('has 19 bytes with IPv6', () => {
    const bytes = encodeNodeAddress({ host: 'fd00::9', port: 1 });
    assert.equal(Buffer.from(bytes).toString('hex'), '060001fd000000000000000000000000000009');
  });

  it('reads the same from each of its three encodings, whatever follows', () => {
    fc.assert(
      fc.property(address, fc.uint8Array(), (original, rest) => {
        const { host, port } = canonicalNodeAddress(original);
        const unpadded = encodeNodeAddress(original);
        for (const encoded of [
          unpadded,
          encodePaddedNodeAddress(original, 19),
          encodePaddedNodeAddress(original, 32),
        ]) {
          const read = readNodeAddress(Buffer.concat([encoded, rest]));
          assert.deepEqual(read, { address: { host, port }, length: unpadded.length });
        }
      }),
    );
  });

  it('is padded with zeros to 19 or 32 bytes', () => {
    const original = { host: '127.0.0.1', port: 5 };
    for (const length of [19, 32] as const) {
      const padded = encodePaddedNodeAddress(original, length);
      assert.equal(padded.length, length);
      assert.deepEqual(padded.subarray(0, 7), encodeNodeAddress(original));
      assert.ok(padded.subarray(7).every((byte) => byte === 0));
    }
  });

  it('has one canonical form, however IPv6 is written', () => {
    for (const host of ['::1', '0:0:0:0:0:0:0:1', '0000:0000::0001', '::0.0.0.1']) {
      assert.deepEqual(canonicalNodeAddress({ host, port: 7 }), { host: '::1', port: 7 });
    }
    const mapped = canonicalNodeAddress({ host: '::FFFF:10.0.0.1', port: 7 });
    assert.deepEqual(canonicalNodeAddress(mapped), mapped);
  });

  it('puts brackets around IPv6 in text', () => {
    assert.equal(formatNodeAddress({ host: '1.2.3.4', port: 80 }), '1.2.3.4:80');
    assert.equal(formatNodeAddress({ host: '::1', port: 80 }), '[::1]:80');
  });

  it('refuses bytes that are none, without any other error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const length = bytes[0] === 4 ? 7 : bytes[0] === 6 ? 19 : Infinity;
        if (bytes.length >= length) assert.equal(readNodeAddress(bytes).length, length);
        else assert.throws(() => readNodeAddress(bytes), NodeAddressError);
      }),
    );
  });

  it('refuses names and impossible ports', () => {
    assert.throws(() => encodeNodeAddress({ host: 'localhost', port: 1 }), /not an IP address/);
    assert.throws(() => encodeNodeAddress({ host: 'fe80::1%eth0', port: 1 }), NodeAddressError);
    for (const bad of [-1, 65536, 1.5, NaN]) {
      assert.throws(() => encodeNodeAddress({ host: '127.0.0.1', port: bad }), NodeAddressError);
    }
  });
});
