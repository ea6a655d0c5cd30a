import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { WireError } from '../../src/wire/errors.js';
import { MAX_LANES } from '../../src/wire/lane.js';
import { formatNymAddress } from '../../src/wire/nym-address.js';
import {
  encodeLaneRecord,
  MAX_RECORD_BYTES,
  LaneRecordReader,
  type LaneRecord,
} from '../../src/wire/lane-record.js';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const address = fc.record({ identity: key, encryption: key, gateway: key }).map(formatNymAddress);

const records: fc.Arbitrary<LaneRecord> = fc.oneof(
  fc.record({
    type: fc.constant('data' as const),
    offset: fc.nat(2 ** 31),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  }),
  fc.record({ type: fc.constant('end' as const), offset: fc.maxSafeNat().map((n) => Math.floor(n / 2)) }),
  fc.record({ type: fc.constant('ack' as const), offset: fc.nat(2 ** 31), limit: fc.nat() }),
  fc.record({
    type: fc.constant('welcome' as const),
    addresses: fc.array(address, { maxLength: MAX_LANES - 1 }),
  }),
);

/** All records of a lane's bytes, cut as told. */
function read(bytes: Uint8Array, cuts: readonly number[]): LaneRecord[] {
  const reader = new LaneRecordReader();
  const found: LaneRecord[] = [];
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    const end = Math.min(bytes.length, at + cut);
    found.push(...reader.push(bytes.subarray(at, end)));
    at = end;
  }
  assert.equal(reader.pending, 0);
  return found;
}

describe('lane records', () => {
  it('are read as they were written, however their bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(records, { maxLength: 8 }), fc.array(fc.nat(40)), (written, cuts) => {
        const bytes = Uint8Array.from(written.flatMap((record) => [...encodeLaneRecord(record)]));
        assert.deepEqual(plain(read(bytes, cuts)), plain(written));
      }),
    );
  });

  it('are as stated: type, integers as varints, bytes', () => {
    const hex = (record: LaneRecord) => Buffer.from(encodeLaneRecord(record)).toString('hex');
    assert.equal(hex({ type: 'data', offset: 70, bytes: Uint8Array.of(1, 2, 3) }), '00404603010203');
    assert.equal(hex({ type: 'end', offset: 5 }), '0105');
    assert.equal(hex({ type: 'welcome', addresses: [] }), '0200');
    assert.equal(hex({ type: 'ack', offset: 6, limit: 70 }), '03064046');
  });

  for (const [what, hex] of [
    ['of an unknown type', '03'],
    ['without a byte of data', '000000'],
    ['with more data than allowed', `0000${(0x8000_0000 + MAX_RECORD_BYTES + 1).toString(16)}`],
    ['with too many addresses', `02${MAX_LANES.toString(16)}${'00'.repeat(96 * MAX_LANES)}`],
    ['that ends beyond 2^53', '01c01fffffffffffff'],
  ] as const) {
    it(`are refused ${what}`, () => {
      assert.throws(() => [...new LaneRecordReader().push(Buffer.from(hex, 'hex'))], WireError);
    });
  }
});

/** Without the difference between views and arrays. */
function plain(all: readonly LaneRecord[]): unknown {
  return all.map((record) =>
    record.type === 'data' ? { ...record, bytes: [...record.bytes] } : { ...record },
  );
}
