import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { Turns } from '../../src/mixnet/turns.js';

/** Serves `messages` messages to owners who always have one of their size waiting; returns packets served per owner. */
function serve(sizes: readonly number[], messages: number): number[] {
  const turns = new Turns<number>();
  for (const [owner, size] of sizes.entries()) turns.add(owner, size);
  const served = sizes.map(() => 0);
  for (let n = 0; n < messages; n += 1) {
    const owner = turns.next() ?? assert.fail('nobody waits');
    const size = sizes[owner] ?? 0;
    served[owner] = (served[owner] ?? 0) + size;
    turns.add(owner, size);
  }
  return served;
}

describe('turns', () => {
  it('let a small message go before a large one that has waited as long', () => {
    const turns = new Turns<string>();
    turns.add('large', 8);
    turns.add('small', 1);
    assert.deepEqual([turns.next(), turns.next(), turns.next()], ['small', 'large', undefined]);
  });

  it('keep the order of equal messages', () => {
    const turns = new Turns<number>();
    for (let n = 0; n < 5; n += 1) turns.add(n, 2);
    assert.deepEqual(
      Array.from({ length: 5 }, () => turns.next()),
      [0, 1, 2, 3, 4],
    );
  });

  it('count the packets that wait', () => {
    const turns = new Turns<string>();
    turns.add('a', 3);
    turns.add('b', 4);
    assert.equal(turns.packets, 7);
    turns.next();
    assert.equal(turns.packets, 4);
  });

  it('give those who always have something to say the same number of packets, whatever their messages', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(sizes, (all) => {
        const served = serve(all, 5000);
        const largest = Math.max(...all);
        assert.ok(Math.max(...served) - Math.min(...served) <= 2 * largest, served.join());
      }),
      { numRuns: 50 },
    );
  });
});
