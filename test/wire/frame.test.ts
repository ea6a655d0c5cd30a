import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { WireError } from '../../src/wire/errors.js';
import {
  dataFrameOverhead,
  decodeFrames,
  encodedBytes,
  encodeFrames,
  type Frame,
} from '../../src/wire/frame.js';
import { MAX_LANES } from '../../src/wire/lane.js';
import { RESET_CODES, type ResetCode } from '../../src/wire/reset-code.js';

const integer = fc.oneof(
  fc.nat(70),
  fc.nat(20_000),
  fc.nat(),
  fc.maxSafeNat().map((n) => Math.floor(n / 4)),
);

const requests = fc.record(
  {
    upstream: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
    proof: fc.record(
      {
        time: fc.nat(4_000_000_000),
        mac: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      },
      { noNullPrototype: true },
    ),
    lane: fc.record({ connection: fc.uuid(), number: fc.nat(MAX_LANES - 1) }, { noNullPrototype: true }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constantFrom('open' as const, 'opened' as const),
    version: fc.nat(4095),
    window: integer,
  }),
  fc.record({
    type: fc.constant('open' as const),
    version: fc.nat(4095),
    window: integer,
    request: requests,
  }),
  fc.record({
    type: fc.constant('data' as const),
    offset: integer,
    bytes: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({ type: fc.constant('ack' as const), offset: integer, window: integer }),
  fc.record({ type: fc.constant('fin' as const), offset: integer }),
  fc.record({ type: fc.constant('route' as const), counter: integer }),
  fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), value: integer }),
  fc.record({ type: fc.constant('supply' as const), total: integer, here: integer }),
  fc.record({ type: fc.constant('demand' as const), used: integer, wanted: integer }),
  fc.record({
    type: fc.constant('reset' as const),
    code: fc.constantFrom(...(Object.keys(RESET_CODES) as ResetCode[])),
  }),
);

describe('frames', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 6 }), (list) => {
        const bytes = encodeFrames(list);
        assert.deepEqual(
          decodeFrames(bytes),
          list.map((frame) => ({ ...frame })),
        );
        assert.equal(
          bytes.length,
          list.reduce((sum, frame) => sum + encodedBytes(frame), 0),
        );
      }),
    );
  });

  it('have the documented bytes', () => {
    const bytes = encodeFrames([
      { type: 'opened', version: 1, window: 65_536 },
      { type: 'data', offset: 5, bytes: Uint8Array.of(0x68, 0x69) },
      { type: 'ack', offset: 300, window: 64 },
      { type: 'fin', offset: 7 },
      { type: 'reset', code: 'refused' },
    ]);
    assert.equal(
      Buffer.from(bytes).toString('hex'),
      '0105' + '0180010000' + '0203' + '056869' + '0304' + '412c4040' + '0401' + '07' + '0501' + '01',
    );
  });

  it('ask for an upstream and prove access in the documented bytes', () => {
    const mac = new Uint8Array(32).fill(0xaa);
    const request = { upstream: 'web', proof: { time: 1_700_000_000, mac } };
    const bytes = encodeFrames([{ type: 'open', version: 1, window: 65_536, request }]);
    assert.equal(
      Buffer.from(bytes).toString('hex'),
      '0032' + '0180010000' + '03776562' + '28' + 'c00000006553f100' + 'aa'.repeat(32),
    );
  });

  it('ask for a lane under a number of their own', () => {
    const lane = { connection: '00010203-0405-0607-0809-0a0b0c0d0e0f', number: 3 };
    const bytes = encodeFrames([{ type: 'open', version: 1, window: 65_536, request: { lane } }]);
    const connection = '000102030405060708090a0b0c0d0e0f';
    assert.equal(Buffer.from(bytes).toString('hex'), '0c18' + '0180010000' + '00' + '00' + connection + '03');
    assert.throws(() => decodeFrames(bytes.with(bytes.length - 1, MAX_LANES)), WireError);
    assert.throws(() => decodeFrames(Uint8Array.of(12, 2, 1, 5)), WireError);
  });

  it('of peers that ask for nothing have no request, and impossible requests are refused', () => {
    assert.deepEqual(decodeFrames(Uint8Array.of(0, 2, 1, 5)), [{ type: 'open', version: 1, window: 5 }]);
    assert.throws(() => decodeFrames(Uint8Array.of(0, 3, 1, 5, 9)), WireError);
    assert.throws(() => decodeFrames(Uint8Array.of(0, 5, 1, 5, 1, 0x20, 0)), WireError);
    assert.throws(() => decodeFrames(Uint8Array.of(0, 6, 1, 5, 0, 2, 1, 1)), WireError);
  });

  it('say how much DATA costs besides its bytes', () => {
    fc.assert(
      fc.property(integer, fc.nat(20_000), (offset, length) => {
        const size = encodedBytes({ type: 'data', offset, bytes: new Uint8Array(length) });
        assert.equal(dataFrameOverhead(offset, length), size - length);
      }),
    );
  });

  it('of unknown types are passed over, and reserved bytes behind known fields', () => {
    const unknown = Uint8Array.of(200, 3, 1, 2, 3);
    const finWithReserved = Uint8Array.of(4, 3, 9, 0xff, 0xff);
    assert.deepEqual(decodeFrames(Uint8Array.of(...unknown, ...finWithReserved)), [
      { type: 'fin', offset: 9 },
    ]);
  });

  it('whose end is no exact number are refused', () => {
    const offset = Number.MAX_SAFE_INTEGER;
    assert.throws(() => decodeFrames(encodeFrames([{ type: 'fin', offset }])), WireError);
    assert.throws(() => decodeFrames(encodeFrames([{ type: 'ack', offset, window: 1 }])), WireError);
  });

  it('answer any bytes with frames or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeFrames(bytes);
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
