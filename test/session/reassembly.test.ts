import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { SessionError } from '../../src/session/errors.js';
import { MAX_PENDING_PIECES } from '../../src/session/limits.js';
import { Reassembly } from '../../src/session/reassembly.js';

/** A stream cut at random, each piece possibly repeated and overlapping its neighbours, in random order. */
const schedules = fc.uint8Array({ minLength: 1, maxLength: 5000 }).chain((stream) =>
  fc.record({
    stream: fc.constant(stream),
    pieces: fc
      .array(fc.tuple(fc.nat(stream.length - 1), fc.integer({ min: 1, max: 400 })), { maxLength: 60 })
      .chain((extra) => {
        const cover: [number, number][] = [];
        for (let at = 0; at < stream.length; at += 173) cover.push([at, 173]);
        return fc.shuffledSubarray([...cover, ...extra], { minLength: cover.length + extra.length });
      }),
  }),
);

function readAll(incoming: Reassembly): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = incoming.take(); chunk; chunk = incoming.take()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

describe('reassembly', () => {
  it('delivers every byte once and in order, whatever order, overlap and repetition the pieces come in', () => {
    fc.assert(
      fc.property(schedules, ({ stream, pieces }) => {
        const incoming = new Reassembly();
        const read: Uint8Array[] = [];
        for (const [at, length] of pieces) {
          incoming.insert(at, stream.subarray(at, at + length));
          read.push(readAll(incoming));
        }
        assert.deepEqual(new Uint8Array(Buffer.concat(read)), stream);
        assert.equal(incoming.buffered, 0);
        assert.equal(incoming.acknowledged, stream.length);
        incoming.finish(stream.length);
        assert.ok(incoming.exhausted);
        assert.equal(incoming.acknowledged, stream.length + 1);
      }),
    );
  });

  it('never delivers past a gap', () => {
    const incoming = new Reassembly();
    incoming.insert(1, Uint8Array.of(1));
    incoming.finish(2);
    assert.equal(incoming.take(), undefined);
    assert.ok(!incoming.complete);
    assert.equal(incoming.buffered, 1);
    incoming.insert(0, Uint8Array.of(0));
    assert.deepEqual(readAll(incoming), Uint8Array.of(0, 1));
    assert.ok(incoming.exhausted);
  });

  it('refuses data beyond the end and an end that contradicts the data', () => {
    const incoming = new Reassembly();
    incoming.insert(4, Uint8Array.of(4));
    assert.throws(() => incoming.finish(4), SessionError);
    incoming.finish(5);
    incoming.finish(5);
    assert.throws(() => incoming.finish(6), SessionError);
    assert.throws(() => incoming.insert(5, Uint8Array.of(5)), SessionError);
  });

  it('bounds the number of gaps', () => {
    const incoming = new Reassembly();
    assert.throws(
      () => {
        for (let n = 0; n <= MAX_PENDING_PIECES; n += 1) incoming.insert(1 + 2 * n, Uint8Array.of(n));
      },
      (error) => error instanceof SessionError && error.code === 'limit',
    );
  });

  it('keeps copies, so that the sender of bytes may reuse them', () => {
    const incoming = new Reassembly();
    const bytes = Uint8Array.of(1, 2, 3);
    incoming.insert(0, bytes);
    bytes.fill(9);
    assert.deepEqual(incoming.take(), Uint8Array.of(1, 2, 3));
  });
});
