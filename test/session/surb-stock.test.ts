import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SurbStock } from '../../src/session/surb-stock.js';

describe('the SURB stock', () => {
  it('grows with what is spent, and is topped up at half', () => {
    const stock = new SurbStock();
    stock.attached(stock.needed());
    assert.equal(stock.needed(), 0);
    let most = 0;
    for (let packet = 0; packet < 1000; packet += 1) {
      stock.spent(1);
      const needed = stock.needed();
      stock.attached(needed);
      most = Math.max(most, stock.estimate);
      assert.ok(stock.estimate > 0, `nothing left after ${packet} packets`);
    }
    assert.ok(most >= 60 && most <= 130, `at most ${most} in stock`);
  });

  it('never counts on more than the peer keeps', () => {
    const stock = new SurbStock();
    for (let n = 0; n < 1000; n += 1) stock.attached(3);
    assert.equal(stock.estimate, 200);
  });
});
