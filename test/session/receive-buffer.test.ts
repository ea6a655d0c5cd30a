import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { ReceiveBuffer } from '../../src/session/bytes/receive-buffer.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { MAX_GAPS } from '../../src/session/limits.js';
import type { ByteRange } from '../../src/wire/frame.js';

const failsWith = (code: SessionErrorCode) => (error: unknown) =>
  error instanceof SessionError && error.code === code;

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

function readAll(incoming: ReceiveBuffer): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = incoming.take(); chunk; chunk = incoming.take()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** What a receive buffer is meant to do, byte by byte, with a stream whose byte at each offset is known. */
class Model {
  readonly #has: boolean[] = [];
  read = 0;
  end: number | undefined;

  insert(from: number, to: number): void {
    for (let n = from; n < to; n += 1) this.#has[n] = true;
  }

  get received(): number {
    let received = 0;
    while (this.#has[received] === true) received += 1;
    return received;
  }

  /** Offset behind the last byte that has arrived. */
  get highest(): number {
    return this.#has.length;
  }

  /** What has arrived beyond the first gap. */
  get ranges(): ByteRange[] {
    const ranges: ByteRange[] = [];
    for (let from = this.received; from < this.#has.length; from += 1) {
      if (this.#has[from] !== true) continue;
      let to = from;
      while (this.#has[to] === true) to += 1;
      ranges.push({ from, to });
      from = to;
    }
    return ranges;
  }

  get buffered(): number {
    const beyond = this.ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    return this.received - this.read + beyond;
  }
}

const STREAM_BYTES = 2000;

const streamBytes = (from: number, to: number) =>
  Uint8Array.from({ length: to - from }, (_, n) => ((from + n) * 167) >> 3);

type Step =
  | { readonly kind: 'insert'; readonly from: number; readonly length: number }
  | { readonly kind: 'finish'; readonly offset: number }
  | { readonly kind: 'take' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      from: fc.nat(STREAM_BYTES),
      length: fc.oneof(fc.nat(10), fc.nat(400)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('finish' as const), offset: fc.nat(STREAM_BYTES + 500) }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'take' } as const) },
);

function apply(incoming: ReceiveBuffer, model: Model, step: Step): void {
  if (step.kind === 'insert') {
    const [from, to] = [step.from, step.from + step.length];
    const insert = () => incoming.insert(from, streamBytes(from, to));
    if (model.end !== undefined && to > model.end) {
      assert.throws(insert, failsWith('protocol'));
    } else {
      insert();
      model.insert(from, to);
    }
  } else if (step.kind === 'finish') {
    const { offset } = step;
    const contradicts = offset < model.highest || (model.end !== undefined && offset !== model.end);
    if (contradicts) {
      assert.throws(() => incoming.finish(offset), failsWith('protocol'));
    } else {
      incoming.finish(offset);
      model.end = offset;
    }
  } else {
    const chunk = incoming.take();
    assert.equal(chunk === undefined, model.read === model.received);
    if (chunk === undefined) return;
    assert.ok(chunk.length > 0 && model.read + chunk.length <= model.received);
    assert.deepEqual(chunk, streamBytes(model.read, model.read + chunk.length));
    model.read += chunk.length;
  }
}

const rangesOf = ({ ranges }: ReceiveBuffer) => ranges.map(({ from, to }) => ({ from, to }));

function assertAgrees(incoming: ReceiveBuffer, model: Model): void {
  const complete = model.end === model.received;
  assert.deepEqual(
    {
      received: incoming.received,
      read: incoming.read,
      buffered: incoming.buffered,
      readable: incoming.readable,
      ranges: rangesOf(incoming),
      complete: incoming.complete,
      exhausted: incoming.exhausted,
      acknowledged: incoming.acknowledged,
    },
    {
      received: model.received,
      read: model.read,
      buffered: model.buffered,
      readable: model.received > model.read,
      ranges: model.ranges,
      complete,
      exhausted: model.end === model.read,
      acknowledged: model.received + (complete ? 1 : 0),
    },
  );
}

describe('what is held of a stream that arrives in pieces', () => {
  it('is known byte by byte, whatever comes cut, late, twice, overlapping, and beyond the end', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const [incoming, model] = [new ReceiveBuffer(), new Model()];
        for (const step of steps) {
          apply(incoming, model, step);
          assertAgrees(incoming, model);
        }
      }),
      { numRuns: 300 },
    );
  });

  const PIECES = 2000;
  const PIECE_BYTES = 10;
  const inOrder = Array.from({ length: PIECES }, (_, n) => 1 + n * PIECE_BYTES);
  const orders = {
    'in order': inOrder,
    'in reverse order': inOrder.toReversed(),
    'alternately at both ends': inOrder.map((at, n) => (n % 2 === 0 ? at : (inOrder.at(-n) ?? at))),
  };
  for (const [order, offsets] of Object.entries(orders)) {
    it(`is one range behind one gap when ${PIECES} adjacent pieces come ${order}`, () => {
      const incoming = new ReceiveBuffer();
      for (const at of new Set([...offsets, ...inOrder]))
        incoming.insert(at, streamBytes(at, at + PIECE_BYTES));
      const end = 1 + PIECES * PIECE_BYTES;
      assert.deepEqual(rangesOf(incoming), [{ from: 1, to: end }]);
      assert.deepEqual([incoming.received, incoming.buffered], [0, end - 1]);
      incoming.insert(0, streamBytes(0, 1));
      assert.deepEqual(rangesOf(incoming), []);
      assert.deepEqual(readAll(incoming), streamBytes(0, end));
    });
  }

  it('joins what lies on both sides of the piece between them', () => {
    const incoming = new ReceiveBuffer();
    for (const from of [10, 30, 20]) incoming.insert(from, streamBytes(from, from + 10));
    assert.deepEqual(rangesOf(incoming), [{ from: 10, to: 40 }]);
    incoming.insert(5, streamBytes(5, 50));
    assert.deepEqual(rangesOf(incoming), [{ from: 5, to: 50 }]);
    incoming.insert(0, streamBytes(0, 60));
    assert.deepEqual(readAll(incoming), streamBytes(0, 60));
  });

  it('is dropped at once, save that what arrived in order has arrived', () => {
    const incoming = new ReceiveBuffer();
    incoming.insert(0, streamBytes(0, 100));
    incoming.insert(200, streamBytes(200, 300));
    incoming.clear();
    assert.deepEqual([incoming.buffered, incoming.readable, incoming.take()], [0, false, undefined]);
    assert.deepEqual([rangesOf(incoming), incoming.acknowledged], [[], 100]);
  });
});

describe('reassembly', () => {
  it('delivers every byte once and in order, whatever order, overlap and repetition the pieces come in', () => {
    fc.assert(
      fc.property(schedules, ({ stream, pieces }) => {
        const incoming = new ReceiveBuffer();
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
    const incoming = new ReceiveBuffer();
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
    const incoming = new ReceiveBuffer();
    incoming.insert(4, Uint8Array.of(4));
    assert.throws(() => incoming.finish(4), SessionError);
    incoming.finish(5);
    incoming.finish(5);
    assert.throws(() => incoming.finish(6), SessionError);
    assert.throws(() => incoming.insert(5, Uint8Array.of(5)), SessionError);
  });

  it('bounds the number of gaps', () => {
    const incoming = new ReceiveBuffer();
    for (let n = 0; n < MAX_GAPS; n += 1) incoming.insert(1 + 2 * n, Uint8Array.of(n));
    assert.equal(incoming.ranges.length, MAX_GAPS);
    assert.throws(() => incoming.insert(1 + 2 * MAX_GAPS, Uint8Array.of(0)), failsWith('limit'));
  });

  it('keeps copies, so that the sender of bytes may reuse them', () => {
    const incoming = new ReceiveBuffer();
    const bytes = Uint8Array.of(1, 2, 3);
    incoming.insert(0, bytes);
    bytes.fill(9);
    assert.deepEqual(incoming.take(), Uint8Array.of(1, 2, 3));
  });
});
