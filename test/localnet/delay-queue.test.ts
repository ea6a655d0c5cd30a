import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import fc from 'fast-check';

import { DelayQueue } from '../../src/localnet/delay-queue.js';

/** Time, which passes only when told to. */
let nowMs = 0;

function pass(ms: number): void {
  for (let i = 0; i < ms; i += 1) {
    nowMs += 1;
    mock.timers.tick(1);
  }
}

describe('the delay queue', () => {
  beforeEach(() => {
    nowMs = 0;
    mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  });
  afterEach(() => mock.timers.reset());

  const newQueue = (limit?: number): DelayQueue => new DelayQueue(limit, () => nowMs);

  it('releases in the order of the delays, not in that of arrival', () => {
    const queue = newQueue();
    const released: string[] = [];
    queue.hold(80, 1, () => released.push('slow'));
    queue.hold(10, 1, () => released.push('fast'));
    queue.hold(40, 1, () => released.push('middle'));
    pass(100);
    assert.deepEqual(released, ['fast', 'middle', 'slow']);
  });

  it('releases each within a millisecond of its time, whatever else is held', () => {
    const delay = fc.double({ min: 0, max: 300, noNaN: true });
    const arrivals = fc.array(fc.record({ after: fc.integer({ min: 0, max: 20 }), delay }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(arrivals, (all) => {
        const queue = newQueue();
        let released = 0;
        for (const { after, delay } of all) {
          pass(after);
          const due = nowMs + delay;
          queue.hold(delay, 1, () => {
            assert.ok(Math.abs(nowMs - due) <= 1, `due at ${due}, released at ${nowMs}`);
            released += 1;
          });
        }
        pass(310);
        assert.equal(released, all.length);
        assert.equal(queue.size, 0);
      }),
    );
  });

  it('keeps the order of arrival among equal delays', () => {
    const queue = newQueue();
    const released: number[] = [];
    for (let i = 0; i < 100; i += 1) queue.hold(5, 1, () => released.push(i));
    pass(10);
    assert.deepEqual(
      released,
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  it('never releases before hold returns, not even without a delay', () => {
    const queue = newQueue();
    let released = false;
    queue.hold(0, 1, () => (released = true));
    assert.equal(released, false);
    pass(1);
    assert.equal(released, true);
  });

  it('takes what is held from a release', () => {
    const queue = newQueue();
    const released: number[] = [];
    queue.hold(5, 1, () => {
      released.push(nowMs);
      queue.hold(5, 1, () => released.push(nowMs));
    });
    pass(20);
    assert.deepEqual(released, [5, 10]);
  });

  it('refuses what exceeds its limit, and has room again afterwards', () => {
    const queue = newQueue(10_000);
    let released = 0;
    const hold = (): boolean => queue.hold(5, 2488, () => (released += 1));
    assert.deepEqual([hold(), hold(), hold(), hold()], [true, true, true, false]);
    pass(10);
    assert.equal(released, 3);
    assert.equal(hold(), true);
  });

  it('forgets everything when cleared, and goes on', () => {
    const queue = newQueue();
    let released = 0;
    for (let i = 0; i < 5; i += 1) queue.hold(i, 1, () => (released += 1));
    assert.equal(queue.clear(), 5);
    assert.equal(queue.size, 0);
    pass(10);
    assert.equal(released, 0);
    queue.hold(3, 1, () => (released += 1));
    pass(10);
    assert.equal(released, 1);
  });
});
