import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { constants, deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';

import fc from 'fast-check';

import { Inflater, type InflateFormat } from '../../src/http/inflate.js';

/** All that comes of input in these pieces. */
function inflate(format: InflateFormat, pieces: readonly Uint8Array[]): Buffer {
  const inflater = new Inflater(format);
  const output: Uint8Array[] = [];
  for (const piece of pieces) {
    inflater.push(piece);
    for (let out = inflater.read(); out !== undefined; out = inflater.read()) output.push(out);
  }
  inflater.finish();
  return Buffer.concat(output);
}

const each = (bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte));
const junk = Buffer.from('<!-- cached -->');
const text = Buffer.from('text '.repeat(20_000));
const mixed = Buffer.concat([text, randomBytes(200_000), Buffer.alloc(300_000), text]);

describe('what is deflated', { timeout: 60_000 }, () => {
  const levels = [0, 1, 6, 9];
  const strategies = [
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ];
  for (const [what, bytes] of Object.entries({ nothing: Buffer.alloc(0), text, mixed })) {
    it(`is ${what} again, at every level and by every strategy`, () => {
      for (const level of levels) {
        for (const strategy of strategies) {
          const options = { level, strategy };
          assert(inflate('gzip', [gzipSync(bytes, options)]).equals(bytes));
          assert(inflate('deflate', [deflateSync(bytes, options)]).equals(bytes));
          assert(inflate('deflate', [deflateRawSync(bytes, options)]).equals(bytes));
        }
      }
    });
  }

  it('is the same however its bytes are cut', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ maxLength: 300 }).map((string) => Buffer.from(string)),
    );
    fc.assert(
      fc.property(content, fc.constantFrom(...levels), (bytes, level) => {
        const coded = gzipSync(bytes, { level });
        assert(inflate('gzip', each(coded)).equals(bytes));
        assert(inflate('deflate', each(deflateSync(bytes, { level }))).equals(bytes));
        assert(inflate('deflate', each(deflateRawSync(bytes, { level }))).equals(bytes));
      }),
    );
  });

  it('may be gzip of several members, with a name, a comment and more in their headers', () => {
    const header = Buffer.from([0x1f, 0x8b, 8, 31, 0, 0, 0, 0, 0, 3, 2, 0, 1, 2]);
    const member = Buffer.concat([header, Buffer.from('name\0comment\0cc'), gzipSync('two').subarray(10)]);
    const coded = Buffer.concat([gzipSync('one '), member, gzipSync(''), gzipSync(' three')]);
    for (const pieces of [[coded], each(coded)]) {
      assert.equal(String(inflate('gzip', pieces)), 'one two three');
    }
  });

  const behind = {
    zeros: Buffer.alloc(1000),
    junk,
    'the first byte of a header': Buffer.of(0x1f),
    CRLF: Buffer.from('\r\n'),
  };
  for (const [what, more] of Object.entries(behind)) {
    it(`may have ${what} behind it, which is ignored`, () => {
      for (const coded of [gzipSync('text'), Buffer.concat([gzipSync('te'), gzipSync('xt')])]) {
        for (const pieces of [
          [coded, more],
          [Buffer.concat([coded, more])],
          each(Buffer.concat([coded, more])),
        ])
          assert.equal(String(inflate('gzip', pieces)), 'text');
      }
      for (const coded of [deflateSync('text'), deflateRawSync('text')]) {
        assert.equal(String(inflate('deflate', [Buffer.concat([coded, more])])), 'text');
        assert.equal(String(inflate('deflate', each(Buffer.concat([coded, more])))), 'text');
      }
    });
  }

  it('comes out as soon as it can', () => {
    const inflater = new Inflater('gzip');
    const coded = gzipSync('first', { finishFlush: constants.Z_SYNC_FLUSH });
    inflater.push(coded);
    assert.equal(String(Buffer.from(inflater.read() ?? [])), 'first');
    assert.throws(() => inflater.finish(), /cut short/);
  });
});

describe('what is not whole', { timeout: 60_000 }, () => {
  it('never passes for it when it is cut short', () => {
    for (const [format, coded] of [
      ['gzip', gzipSync(text)],
      ['deflate', deflateSync(text)],
      ['deflate', deflateRawSync(text)],
      ['gzip', Buffer.concat([gzipSync('one'), gzipSync('two')]).subarray(0, -1)],
    ] as const) {
      for (let length = 1; length < coded.length; length += 1) {
        const isBetween = format === 'gzip' && length >= 23 && length < 26 && coded.length < 60;
        if (!isBetween)
          assert.throws(() => inflate(format, [coded.subarray(0, length)]), `${format} ${length}`);
      }
    }
  });

  it('fails when a bit of it is wrong, or is what it was', () => {
    const bytes = Buffer.concat([text.subarray(0, 300), randomBytes(300)]);
    const coded = gzipSync(bytes);
    // In front of the data are a time and a system, which say nothing about it.
    for (let bit = 80; bit < 8 * coded.length; bit += 1) {
      const damaged = Buffer.from(coded);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let output: Buffer | undefined;
      try {
        output = inflate('gzip', [damaged]);
      } catch (error) {
        assert(error instanceof Error && error.message !== '');
      }
      assert(output === undefined || output.equals(bytes), `bit ${bit}`);
    }
  });

  it('is refused as by zlib, whatever it is', () => {
    const deflated = fc.uint8Array({ maxLength: 80 }).map((bytes) => deflateRawSync(bytes, { level: 9 }));
    const spoiled = fc.tuple(deflated, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      bytes[at % bytes.length] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        // Otherwise it is taken for zlib.
        fc.pre(((bytes[0] ?? 0) & 0x0f) !== 8 && bytes.length >= 2);
        const outcome = (decode: () => Buffer) => {
          try {
            return decode().toString('latin1');
          } catch {
            return 'refused';
          }
        };
        assert.equal(
          outcome(() => inflate('deflate', [bytes])),
          outcome(() => inflateRawSync(bytes)),
        );
      }),
      { numRuns: 20_000 },
    );
  });

  it('takes no more memory than its window while it is read, however large it gets', () => {
    const inflater = new Inflater('gzip');
    inflater.push(gzipSync(Buffer.alloc(64 << 20)));
    let bytes = 0;
    for (let out = inflater.read(); out !== undefined; out = inflater.read()) {
      assert(out.length <= 65_536 + 258);
      bytes += out.length;
    }
    assert.equal(bytes, 64 << 20);
    assert.equal(gunzipSync(gzipSync('control')).toString(), 'control');
  });
});
