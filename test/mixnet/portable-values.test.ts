import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { serialize } from 'node:v8';

import fc from 'fast-check';

import { decodeIdentity, encodeIdentity } from '../../src/mixnet/node/identity-file.js';
import { decodeValue, encodeValue } from '../../src/mixnet/node/portable-values.js';

describe('values of a database', () => {
  it('come back as they were', () => {
    const values = fc.anything({
      withBigInt: true,
      withMap: true,
      withSet: true,
      withTypedArray: false,
      withNullPrototype: false,
      values: [
        fc.anything(),
        // Node does not find two invalid dates equal in a map.
        fc.date({ noInvalidDate: true }),
        fc.uint8Array(),
        fc.constant(new ArrayBuffer(3)),
        fc.constant({ $: 'bytes', value: 1 }),
      ],
    });
    fc.assert(fc.property(values, (value) => assert.deepEqual(decodeValue(encodeValue(value)), value)));
  });

  it('are refused if they would come back as something else', () => {
    for (const value of [() => 1, Symbol('x'), /x/, new Error('x'), [new URL('http://x/')]])
      assert.throws(() => encodeValue(value), TypeError);
  });

  it('are read as earlier versions wrote them', () => {
    const value = { stores: new Map([['keys', [{ key: 'a', value: Uint8Array.of(1, 2) }]]]), version: 1 };
    assert.deepEqual(decodeValue(serialize(value)), value);
    const identity = { gateway: 'gateway', database: Uint8Array.of(1, 2, 3) };
    const body = serialize(identity);
    const checksum = createHash('sha256').update(body).digest();
    const old = Buffer.concat([Buffer.from('nym-tcp-proxy identity 1\n'), checksum, body]);
    assert.deepEqual(decodeIdentity(old), identity);
    assert.match(Buffer.from(encodeIdentity(identity)).toString('latin1'), /^nym-tcp-proxy identity 2\n/);
  });
});
