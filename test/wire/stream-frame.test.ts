import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { WireError } from '../../src/wire/errors.js';
import { decodeProxiedMessage, encodeProxiedMessage } from '../../src/wire/proxied-message.js';
import {
  decodeStreamFrame,
  encodeStreamFrame,
  isStreamId,
  newStreamId,
  type StreamFrame,
} from '../../src/wire/stream-frame.js';

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const bytes = (text: string) => new TextEncoder().encode(text);

/** Made by hand after the layout of tcp-proxy.md section 5: kind, id, type, sequence, reserved, payload. */
const VECTORS: readonly (readonly [string, StreamFrame])[] = [
  [
    '0300 0011223344556677 00 00000000 01 6869',
    { streamId: '0011223344556677', type: 'open', sequence: 0, reserved: 1, payload: bytes('hi') },
  ],
  [
    '0300 ffeeddccbbaa9988 01 01020304 00 00',
    {
      streamId: 'ffeeddccbbaa9988',
      type: 'data',
      sequence: 0x01020304,
      reserved: 0,
      payload: Uint8Array.of(0),
    },
  ],
  [
    '0300 0000000000000001 f0 ffffffff 00',
    {
      streamId: '0000000000000001',
      type: 'frames',
      sequence: 2 ** 32 - 1,
      reserved: 0,
      payload: new Uint8Array(),
    },
  ],
];

const frames: fc.Arbitrary<StreamFrame> = fc.record({
  streamId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((id) => id.toString(16).padStart(16, '0')),
  type: fc.constantFrom('open' as const, 'data' as const, 'frames' as const),
  sequence: fc.nat(2 ** 32 - 1),
  reserved: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 300 }),
});

describe('messages of streams', () => {
  it('have the bytes of the documented layout', () => {
    for (const [text, frame] of VECTORS) {
      assert.deepEqual(encodeStreamFrame(frame), hex(text));
      assert.deepEqual(decodeStreamFrame(hex(text)), frame);
    }
  });

  it('are read back as they were written, from the middle of a buffer too', () => {
    fc.assert(
      fc.property(frames, fc.nat(20), (frame, before) => {
        const encoded = encodeStreamFrame(frame);
        assert.equal(encoded.length, 16 + frame.payload.length);
        const buffer = new Uint8Array([...new Uint8Array(before), ...encoded]);
        assert.deepEqual({ ...decodeStreamFrame(buffer.subarray(before)) }, { ...frame });
      }),
    );
  });

  it('are refused when cut short, of another kind or of an unknown type', () => {
    fc.assert(
      fc.property(frames, fc.nat(15), fc.nat(0xffff), fc.nat(255), (frame, length, kind, type) => {
        const encoded = encodeStreamFrame(frame);
        assert.throws(() => decodeStreamFrame(encoded.subarray(0, length)), WireError);
        const otherKind = encoded.slice();
        otherKind.set([kind & 0xff, kind >> 8]);
        if (kind !== 3) assert.throws(() => decodeStreamFrame(otherKind), WireError);
        const otherType = encoded.slice();
        otherType[10] = type;
        if (![0, 1, 240].includes(type)) assert.throws(() => decodeStreamFrame(otherType), WireError);
      }),
    );
  });

  it('are never taken for those of the TCP proxy, nor the other way round', () => {
    const proxied = fc.record({
      kind: fc.constantFrom('data' as const, 'frames' as const),
      sessionId: fc.uuid(),
      messageId: fc.nat(0xffff),
      body: fc.uint8Array({ maxLength: 60 }),
    });
    fc.assert(
      fc.property(frames, proxied, (frame, message) => {
        assert.throws(() => decodeProxiedMessage(encodeStreamFrame(frame)), WireError);
        assert.throws(() => decodeStreamFrame(encodeProxiedMessage(message)), WireError);
      }),
    );
  });

  it('have ids of 64 random bits', () => {
    const ids = Array.from({ length: 100 }, newStreamId);
    assert.ok(ids.every(isStreamId));
    assert.equal(new Set(ids).size, ids.length);
    const frame = {
      streamId: '00',
      type: 'data',
      sequence: 0,
      reserved: 0,
      payload: new Uint8Array(),
    } as const;
    assert.throws(() => encodeStreamFrame(frame), WireError);
  });
});
