import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { base58 } from '@scure/base';
import fc from 'fast-check';

import { WireError } from '../../src/wire/errors.js';
import { formatNymAddress, parseNymAddress } from '../../src/wire/nym-address.js';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('Nym addresses', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(fc.record({ identity: key, encryption: key, gateway: key }), (address) => {
        assert.deepEqual(parseNymAddress(` ${formatNymAddress(address)}\n`), { ...address });
      }),
    );
  });

  it('that are wrong are refused with the part that is wrong', () => {
    const good = base58.encode(new Uint8Array(32).fill(7));
    const short = base58.encode(new Uint8Array(31).fill(7));
    const wrong: [string, RegExp][] = [
      ['', /form/],
      ['localhost:8080', /form/],
      [`${good}.${good}`, /form/],
      [`${good}.${good}@${good}@${good}`, /form/],
      [`${good}.${good}.${good}@${good}`, /form/],
      [`${short}.${good}@${good}`, /identity part.*31 bytes/],
      [`${good}.0OIl@${good}`, /encryption part.*not base58/],
      [`${good}.${good}@${'1'.repeat(100)}`, /gateway part.*too long/],
    ];
    for (const [text, message] of wrong) {
      assert.throws(
        () => parseNymAddress(text),
        (error) => error instanceof WireError && message.test(error.message),
        text,
      );
    }
  });
});
