import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import { newNodeCounters } from '../../src/localnet/counters.js';
import { newCounters } from '../../src/localnet/gateway/counters.js';
import type { LocalnetCounters } from '../../src/localnet/network.js';
import { watchTrouble } from '../../src/localnet/trouble.js';

/** Counters of a network of one node. */
function counters(late: number, fault: string | undefined): LocalnetCounters {
  const none = newNodeCounters();
  const total = { ...none, dropped: { ...none.dropped, late } };
  return {
    total,
    gateways: newCounters(),
    nodes: [{ id: 3, kind: 'mix', running: true, counters: total, fault }],
  };
}

describe('a localnet whose packets are dropped', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => mock.timers.reset());

  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second += 1) {
      mock.timers.tick(1000);
      await Promise.resolve();
      await Promise.resolve();
    }
  };

  it('names the fault of a node once', async () => {
    const told: string[] = [];
    const faults: string[] = [];
    const stop = watchTrouble(
      () => Promise.resolve(counters(0, faults[0])),
      (what) => told.push(what),
    );
    await seconds(2);
    assert.deepEqual(told, []);
    faults.push('Unknown cipher');
    await seconds(3);
    await stop();
    assert.deepEqual(told, ['node 3 drops packets by a fault of its own: Unknown cipher']);
  });

  it('says how many came too late, at once and when it ends, not each second', async () => {
    const told: string[] = [];
    let late = 0;
    const stop = watchTrouble(
      () => Promise.resolve(counters(late, undefined)),
      (what) => told.push(what),
    );
    await seconds(1);
    for (let second = 0; second < 3; second += 1) {
      late += 100;
      await seconds(1);
    }
    await stop();
    assert.deepEqual(
      told.map((what) => /: (\d+) packets came too late/.exec(what)?.[1]),
      ['100', '200'],
    );
  });

  it('is not asked by anybody who does not want to know', async () => {
    const stop = watchTrouble(() => assert.fail('asked'), undefined);
    await seconds(3);
    await stop();
  });
});
