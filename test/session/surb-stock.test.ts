import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { MAX_SURBS_WANTED } from '../../src/session/limits.js';
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

  it('gives a peer that asks what it wants, in messages of a few', () => {
    const stock = new SurbStock();
    stock.attached(2);
    stock.demanded({ used: 1, wanted: 40 });
    let messages = 0;
    for (let needed = stock.needed(); needed > 0; needed = stock.needed()) {
      assert.ok(needed <= 10);
      stock.attached(needed);
      messages += 1;
    }
    assert.equal(stock.welcome(), 41 - stock.given);
    assert.ok(stock.given >= 32, `${stock.given} given`);
    assert.ok(messages <= 4);
  });

  it('gives what is missing with the stream, but leaves most of each message to that', () => {
    const stock = new SurbStock();
    stock.attached(3);
    stock.demanded({ used: 1, wanted: 3 });
    assert.equal(stock.needed(), 0);
    assert.equal(stock.besideStream(), 1);
    stock.demanded({ used: 2, wanted: 100 });
    assert.equal(stock.needed(), 10);
    assert.equal(stock.besideStream(), 6);
  });

  it('is not emptied by a peer that asks for more than it can keep, or says that it has used more than it got', () => {
    const stock = new SurbStock();
    stock.attached(2);
    stock.demanded({ used: 1_000_000, wanted: 1_000_000 });
    for (let needed = stock.needed(); needed > 0; needed = stock.needed()) stock.attached(needed);
    assert.ok(stock.given <= 2 + MAX_SURBS_WANTED);
  });

  it('passes over what a peer has asked for before', () => {
    const stock = new SurbStock();
    stock.attached(50);
    stock.demanded({ used: 30, wanted: 3 });
    stock.demanded({ used: 10, wanted: 100 });
    assert.equal(stock.needed(), 0);
  });

  it('never counts on more than the peer keeps', () => {
    const stock = new SurbStock();
    for (let n = 0; n < 1000; n += 1) stock.attached(3);
    assert.equal(stock.estimate, 200);
  });
});
