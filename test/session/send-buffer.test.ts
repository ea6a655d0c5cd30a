import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { SendBuffer } from '../../src/session/bytes/send-buffer.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { INITIAL_WINDOW, MAX_WINDOW } from '../../src/session/limits.js';

const failsWith = (code: SessionErrorCode) => (error: unknown) =>
  error instanceof SessionError && error.code === code;

const PERIOD = 251;
const PATTERN = Uint8Array.from({ length: MAX_WINDOW + 2 * PERIOD }, (_, n) => n % PERIOD);

/** Bytes of a pattern, from an offset on. */
const bytes = (length: number, first = 0) => PATTERN.slice(first % PERIOD, (first % PERIOD) + length);

/** Takes all that may be sent now. */
function takeAll(buffer: SendBuffer): Uint8Array {
  const parts: Uint8Array[] = [];
  while (buffer.sendable() > 0) parts.push(buffer.take(buffer.sendable()));
  return new Uint8Array(Buffer.concat(parts));
}

/** What a send buffer is meant to do, byte by byte. */
class Model {
  readonly stream: number[] = [];
  acknowledged = 0;
  sent = 0;
  limit = INITIAL_WINDOW;
  /** Offset of the first byte that is held. */
  start = 0;
  retains = true;
  /** By offset: what the peer is known to have, and what is to be sent again. */
  arrived: boolean[] = [];
  again: boolean[] = [];
  #next = 0;

  /** Bytes that no offset has had before. */
  write(length: number): Uint8Array {
    const written = Uint8Array.from({ length }, (_, n) => ((this.#next + n) * 167) >> 3);
    this.#next += length;
    this.stream.push(...written);
    return written;
  }

  get next(): number {
    const again = this.again.indexOf(true, this.acknowledged);
    return again < 0 ? this.sent : again;
  }

  get sendable(): number {
    const { next } = this;
    let to = next;
    if (next < this.sent) while (this.again[to] === true) to += 1;
    else to = this.stream.length;
    return Math.max(0, Math.min(to, this.limit, this.acknowledged + MAX_WINDOW) - next);
  }

  take(length: number): number[] {
    const from = this.next;
    const to = from + length;
    for (let n = from; n < to; n += 1) this.again[n] = false;
    this.sent = Math.max(this.sent, to);
    if (!this.retains) this.start = this.sent;
    return this.stream.slice(from, to);
  }

  acknowledge(offset: number): void {
    this.acknowledged = Math.max(this.acknowledged, offset);
    this.start = Math.max(this.start, this.acknowledged);
  }

  hasArrived(from: number, to: number): void {
    for (let n = from; n < to; n += 1) {
      this.arrived[n] = true;
      this.again[n] = false;
    }
  }

  /** Offset behind the last byte that the peer has beyond a gap. */
  get arrivedTo(): number | undefined {
    const last = this.arrived.lastIndexOf(true);
    return last < this.acknowledged ? undefined : last + 1;
  }

  get mayRetransmit(): boolean {
    return this.acknowledged === this.sent || (this.retains && this.acknowledged >= this.start);
  }

  retransmit(to: number): void {
    this.again = [];
    for (let n = this.acknowledged; n < to; n += 1) this.again[n] = this.arrived[n] !== true;
  }
}

type Step =
  | { readonly kind: 'write' | 'take' | 'grant' | 'acknowledge' | 'retransmit'; readonly amount: number }
  | { readonly kind: 'arrived'; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: 'retransmit gaps' | 'forget arrived' | 'truncate' | 'retain nothing' | 'lie' };

const amount = fc.oneof(fc.nat(20), fc.nat(4000));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), amount }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('take' as const), amount }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grant' as const), amount: fc.nat(200_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), amount }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retransmit' as const), amount }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('arrived' as const),
      ranges: fc.array(fc.tuple(fc.nat(6000), fc.integer({ min: 1, max: 2000 })), { maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('retransmit gaps', 'retransmit gaps', 'forget arrived', 'truncate', 'lie'),
    }),
  },
);

/** What may happen before a peer turns out to acknowledge nothing: it is sent nothing again. */
const unsure = step.filter(({ kind }) => kind !== 'retransmit' && kind !== 'retransmit gaps');

function apply(buffer: SendBuffer, model: Model, step: Step): void {
  switch (step.kind) {
    case 'write': {
      const written = model.write(step.amount);
      buffer.write(written);
      // The buffer holds a copy.
      written.fill(0);
      return;
    }
    case 'take': {
      const length = Math.min(step.amount, model.sendable);
      assert.equal(buffer.next, model.next);
      assert.deepEqual([...buffer.take(length)], model.take(length));
      return;
    }
    case 'grant':
      buffer.grant(step.amount);
      model.limit = Math.max(model.limit, step.amount);
      return;
    case 'acknowledge': {
      // Late acknowledgements change nothing.
      const offset = Math.max(0, Math.min(model.sent, model.acknowledged + step.amount - 500));
      assert.equal(buffer.acknowledge(offset), offset > model.acknowledged);
      model.acknowledge(offset);
      return;
    }
    case 'arrived': {
      const ranges = step.ranges.map(([at, length]) => {
        const from = Math.max(0, model.acknowledged + at - 1000);
        return { from, to: from + length };
      });
      const known = ranges.filter(({ to }) => to <= model.sent);
      buffer.arrived(known);
      for (const { from, to } of known) model.hasArrived(from, to);
      return;
    }
    case 'retransmit': {
      const to = Math.min(model.sent, model.acknowledged + step.amount);
      if (model.mayRetransmit) {
        assert.equal(buffer.retransmit(step.amount), to);
        model.retransmit(to);
      } else {
        assert.throws(() => buffer.retransmit(step.amount), failsWith('limit'));
      }
      return;
    }
    case 'retransmit gaps': {
      const to = model.arrivedTo;
      if (to !== undefined && !model.mayRetransmit) {
        assert.throws(() => buffer.retransmitGaps(), failsWith('limit'));
      } else {
        assert.equal(buffer.retransmitGaps(), to !== undefined);
        if (to !== undefined) model.retransmit(to);
      }
      return;
    }
    case 'forget arrived':
      buffer.forgetArrived();
      model.arrived = [];
      return;
    case 'truncate':
      buffer.truncate();
      model.stream.length = model.sent;
      return;
    case 'retain nothing':
      buffer.retainNothing();
      model.retains = false;
      model.start = model.sent;
      return;
    case 'lie':
      assert.throws(() => buffer.acknowledge(model.sent + 1), failsWith('protocol'));
      assert.throws(() => buffer.arrived([{ from: model.sent, to: model.sent + 1 }]), failsWith('protocol'));
      return;
  }
}

function assertAgrees(buffer: SendBuffer, model: Model): void {
  assert.deepEqual(
    {
      written: buffer.written,
      sent: buffer.sent,
      acknowledged: buffer.acknowledged,
      unsent: buffer.unsent,
      unacknowledged: buffer.unacknowledged,
      outstanding: buffer.outstanding,
      next: buffer.next,
      sendable: buffer.sendable(),
    },
    {
      written: model.stream.length,
      sent: model.sent,
      acknowledged: model.acknowledged,
      unsent: model.stream.length - model.sent,
      unacknowledged: Math.max(0, model.sent - Math.max(model.acknowledged, model.start)),
      outstanding: model.acknowledged < model.sent,
      next: model.next,
      sendable: model.sendable,
    },
  );
  assert.ok(buffer.acknowledged <= buffer.sent && buffer.sent <= buffer.written);
  assert.ok(buffer.next + buffer.sendable() <= Math.max(buffer.next, model.limit));
}

describe('the bytes of a sender', () => {
  it('are those that were written at each offset, whatever is acknowledged, lost and sent again', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const [buffer, model] = [new SendBuffer(), new Model()];
        for (const step of steps) {
          apply(buffer, model, step);
          assertAgrees(buffer, model);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are held no longer than until they are sent, where the peer acknowledges nothing', () => {
    fc.assert(
      fc.property(fc.array(unsure, { maxLength: 30 }), fc.array(step, { maxLength: 30 }), (before, after) => {
        const [buffer, model] = [new SendBuffer(), new Model()];
        for (const step of [...before, { kind: 'retain nothing' } as const, ...after]) {
          apply(buffer, model, step);
          assert.deepEqual([buffer.sent, buffer.unsent], [model.sent, model.stream.length - model.sent]);
          assert.equal(buffer.acknowledged, model.acknowledged);
          if (!model.retains) assert.equal(buffer.unacknowledged, 0);
        }
      }),
    );
  });

  it('go out only within the window of the peer, and no more than the largest one ahead of what it acknowledged', () => {
    const steps = fc.array(
      fc.record({
        write: fc.nat(1_000_000),
        takes: fc.array(fc.nat(400_000), { maxLength: 4 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        window: fc.nat(3 * MAX_WINDOW),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const buffer = new SendBuffer();
        let limit = INITIAL_WINDOW;
        for (const { write, takes, share, window } of all) {
          buffer.write(bytes(write, buffer.written));
          for (const length of takes) {
            const { next } = buffer;
            const may = Math.min(length, buffer.sendable());
            const taken = buffer.take(may);
            assert.equal(Buffer.compare(taken, bytes(may, next)), 0);
          }
          assert.ok(buffer.sent <= limit, `${buffer.sent} sent of ${limit}`);
          assert.ok(buffer.sent <= buffer.acknowledged + MAX_WINDOW);
          const offset = buffer.acknowledged + Math.floor(share * (buffer.sent - buffer.acknowledged));
          buffer.acknowledge(offset);
          buffer.grant(offset + window);
          limit = Math.max(limit, offset + window);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('may be sent beyond the window of a peer that has not answered, and can be lost for good then', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(MAX_WINDOW + 1));
    assert.equal(buffer.sendable(), INITIAL_WINDOW);
    assert.equal(buffer.sendable(Infinity), MAX_WINDOW + 1);
    buffer.take(MAX_WINDOW);
    assert.equal(buffer.unacknowledged, MAX_WINDOW);
    buffer.take(1);
    assert.equal(buffer.unacknowledged, 0);
    assert.throws(() => buffer.retransmit(), failsWith('limit'));
    buffer.acknowledge(MAX_WINDOW + 1);
    assert.equal(buffer.retransmit(), MAX_WINDOW + 1);
  });

  it('are sent again only where the peer has gaps, before all that is new', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(1000));
    assert.equal(buffer.retransmitGaps(), false);
    buffer.take(800);
    buffer.acknowledge(100);
    buffer.arrived([
      { from: 200, to: 300 },
      { from: 500, to: 600 },
    ]);
    assert.equal(buffer.retransmitGaps(), true);
    const taken: [number, number][] = [];
    while (buffer.sendable() > 0) {
      const { next } = buffer;
      const { length } = buffer.take(150);
      taken.push([next, length]);
    }
    assert.deepEqual(taken, [
      [100, 100],
      [300, 150],
      [450, 50],
      [800, 150],
      [950, 50],
    ]);
  });

  it('are not sent again once the peer has them after all', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(300));
    buffer.take(300);
    buffer.retransmit();
    buffer.arrived([{ from: 100, to: 200 }]);
    buffer.acknowledge(50);
    assert.deepEqual([buffer.next, buffer.sendable()], [50, 50]);
    assert.deepEqual(takeAll(buffer), new Uint8Array([...bytes(50, 50), ...bytes(100, 200)]));
  });

  it('that were cut off are replaced by what is written then', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(100));
    buffer.take(40);
    buffer.truncate();
    buffer.write(bytes(10, 200));
    assert.deepEqual(takeAll(buffer), bytes(10, 200));
    buffer.retransmit();
    assert.deepEqual(takeAll(buffer), new Uint8Array([...bytes(40), ...bytes(10, 200)]));
  });
});

/** How far the end of the stream is. */
const endOf = ({ finished, mayFinish, outstanding, finAcknowledged }: SendBuffer) => ({
  finished,
  mayFinish,
  outstanding,
  finAcknowledged,
});

const OPEN = { finished: false, mayFinish: false, outstanding: false, finAcknowledged: false };
const FINISHED = { ...OPEN, finished: true };

describe('the end of what is sent', () => {
  it('comes after all bytes, and is acknowledged as one more', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(100));
    assert.deepEqual(endOf(buffer), OPEN);
    buffer.finish();
    buffer.write(bytes(1));
    assert.equal(buffer.written, 100);
    assert.deepEqual(endOf(buffer), FINISHED);
    buffer.take(100);
    assert.deepEqual(endOf(buffer), { ...FINISHED, mayFinish: true, outstanding: true });
    assert.throws(() => buffer.acknowledge(101), failsWith('protocol'), 'it was not sent yet');
    buffer.finSent(7);
    assert.deepEqual(endOf(buffer), { ...FINISHED, outstanding: true });
    assert.equal(buffer.acknowledge(100), true);
    assert.deepEqual(endOf(buffer), { ...FINISHED, outstanding: true });
    assert.throws(() => buffer.acknowledge(102), failsWith('protocol'));
    assert.equal(buffer.acknowledge(101), true);
    assert.equal(buffer.acknowledge(101), false);
    assert.deepEqual(endOf(buffer), { ...FINISHED, finAcknowledged: true });
    assert.deepEqual([buffer.acknowledged, buffer.finSentAt], [100, 7]);
  });

  it('is sent again with the last bytes, and not with earlier ones only', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(100));
    buffer.finish();
    buffer.take(100);
    buffer.finSent(1);
    buffer.retransmit(50);
    takeAll(buffer);
    assert.deepEqual(endOf(buffer), { ...FINISHED, outstanding: true });
    buffer.retransmit();
    assert.deepEqual(endOf(buffer), { ...FINISHED, outstanding: true }, 'the bytes come first');
    takeAll(buffer);
    assert.deepEqual(endOf(buffer), { ...FINISHED, mayFinish: true, outstanding: true });
    buffer.finSent(2);
    assert.equal(buffer.finSentAt, 1);
    buffer.acknowledge(101);
    buffer.retransmit();
    assert.deepEqual(endOf(buffer), { ...FINISHED, finAcknowledged: true });
  });
});

describe('a sender that drops everything', () => {
  it('has nothing to send any more, neither bytes nor their end, and takes acknowledgements of what it sent', () => {
    const buffer = new SendBuffer();
    buffer.write(bytes(3000));
    buffer.take(2000);
    buffer.retransmit(1000);
    buffer.arrived([{ from: 1500, to: 1600 }]);
    buffer.drop();
    assert.deepEqual([buffer.sendable(), buffer.unsent, buffer.unacknowledged], [0, 0, 0]);
    assert.deepEqual([buffer.outstanding, buffer.mayFinish], [false, false]);
    assert.equal(buffer.retransmit(), 2000);
    buffer.write(bytes(10));
    buffer.finish();
    assert.deepEqual([buffer.sendable(), buffer.take(10).length, buffer.mayFinish], [0, 0, false]);
    buffer.acknowledge(2000);
    assert.throws(() => buffer.acknowledge(2001), failsWith('protocol'));
    assert.equal(buffer.acknowledged, 2000);
  });
});
