import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { WireError } from '../../src/wire/errors.js';
import {
  decodeProxiedMessage,
  encodeProxiedMessage,
  type ProxiedMessage,
} from '../../src/wire/proxied-message.js';

const SESSION = '00112233-4455-4677-8899-aabbccddeeff';

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** Data `hi` of the session above with message id 1 (tcp-proxy.md section 1). */
const EXAMPLE = hex('00000000 0200000000000000 6869 1000000000000000 00112233445546778899aabbccddeeff 0100');

const messages: fc.Arbitrary<ProxiedMessage> = fc
  .record({
    kind: fc.constantFrom('data' as const, 'close' as const, 'frames' as const),
    body: fc.uint8Array({ maxLength: 300 }),
    sessionId: fc.uuid(),
    messageId: fc.nat(0xffff),
  })
  .map((message) => (message.kind === 'close' ? { ...message, body: new Uint8Array() } : message));

describe('ProxiedMessage', () => {
  it('has the bytes of the documented example', () => {
    const body = new TextEncoder().encode('hi');
    const encoded = encodeProxiedMessage({ kind: 'data', body, sessionId: SESSION, messageId: 1 });
    assert.deepEqual(encoded, EXAMPLE);
    assert.deepEqual(decodeProxiedMessage(EXAMPLE), { kind: 'data', body, sessionId: SESSION, messageId: 1 });
  });

  it('takes 30 bytes for Close and 38 more than its body for Data', () => {
    const close = encodeProxiedMessage({
      kind: 'close',
      body: new Uint8Array(),
      sessionId: SESSION,
      messageId: 513,
    });
    assert.deepEqual(close, hex('01000000 1000000000000000 00112233445546778899aabbccddeeff 0102'));
    const data = encodeProxiedMessage({
      kind: 'data',
      body: new Uint8Array(7),
      sessionId: SESSION,
      messageId: 0,
    });
    assert.equal(data.length, 38 + 7);
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(messages, (message) => {
        assert.deepEqual(decodeProxiedMessage(encodeProxiedMessage(message)), { ...message });
      }),
    );
  });

  it('refuses every truncation and extension', () => {
    fc.assert(
      fc.property(
        messages,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        (message, cut, more) => {
          const bytes = encodeProxiedMessage(message);
          assert.throws(() => decodeProxiedMessage(bytes.subarray(0, cut % bytes.length)), WireError);
          assert.throws(() => decodeProxiedMessage(new Uint8Array([...bytes, ...more])), WireError);
        },
      ),
    );
  });

  it('answers any bytes with a message or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        try {
          decodeProxiedMessage(bytes);
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      }),
    );
  });
});
