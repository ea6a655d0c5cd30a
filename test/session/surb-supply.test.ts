import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { MAX_SURBS_WANTED } from '../../src/session/limits.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';

describe('the SURB supply', () => {
  it('grows with what is spent, and is topped up at half', () => {
    const supply = new SurbSupply();
    supply.attached(supply.needed());
    assert.equal(supply.needed(), 0);
    let most = 0;
    for (let packet = 0; packet < 1000; packet += 1) {
      supply.spent(1);
      const needed = supply.needed();
      supply.attached(needed);
      most = Math.max(most, supply.estimate);
      assert.ok(supply.estimate > 0, `nothing left after ${packet} packets`);
    }
    assert.ok(most >= 60 && most <= 130, `at most ${most} in supply`);
  });

  it('gives a peer that asks what it wants, in messages of a few', () => {
    const supply = new SurbSupply();
    supply.attached(2);
    supply.demanded({ used: 1, wanted: 40 });
    let messages = 0;
    for (let needed = supply.needed(); needed > 0; needed = supply.needed()) {
      assert.ok(needed <= 10);
      supply.attached(needed);
      messages += 1;
    }
    assert.equal(supply.welcome(), 41 - supply.given);
    assert.ok(supply.given >= 32, `${supply.given} given`);
    assert.ok(messages <= 4);
  });

  it('gives what is missing with the stream, but leaves most of each message to that', () => {
    const supply = new SurbSupply();
    supply.attached(3);
    supply.demanded({ used: 1, wanted: 3 });
    assert.equal(supply.needed(), 0);
    assert.equal(supply.besideStream(false), 1);
    supply.demanded({ used: 2, wanted: 100 });
    assert.equal(supply.needed(), 10);
    assert.equal(supply.besideStream(false), 6);
  });

  it('is not emptied by a peer that asks for more than it can keep, or says that it has used more than it got', () => {
    const supply = new SurbSupply();
    supply.attached(2);
    supply.demanded({ used: 1_000_000, wanted: 1_000_000 });
    for (let needed = supply.needed(); needed > 0; needed = supply.needed()) supply.attached(needed);
    assert.ok(supply.given <= 2 + MAX_SURBS_WANTED);
  });

  it('passes over what a peer has asked for before', () => {
    const supply = new SurbSupply();
    supply.attached(50);
    supply.demanded({ used: 30, wanted: 3 });
    supply.demanded({ used: 10, wanted: 100 });
    assert.equal(supply.needed(), 0);
  });

  it('never counts on more than the peer keeps', () => {
    const supply = new SurbSupply();
    for (let n = 0; n < 1000; n += 1) supply.attached(3);
    assert.equal(supply.estimate, 200);
  });
});
