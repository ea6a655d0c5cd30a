import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import { PacketQueue } from '../../src/mixnet/packet-queue.js';

const STALE_AFTER_MS = 2000;

/** A queue, how often it said that fewer packets wait, and a clock. */
function newQueue(decoyEveryMs?: number) {
  const world = { now: 0, fewer: 0 };
  const queue = new PacketQueue({
    onFewer: () => (world.fewer += 1),
    staleAfterMs: STALE_AFTER_MS,
    decoyEveryMs,
    now: () => world.now,
  });
  return { queue, world };
}

function leave(queue: PacketQueue, packets: number): void {
  for (let i = 0; i < packets; i += 1) queue.left();
}

describe('the estimate of waiting packets', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('grows with messages, shrinks with frames, and never falls below zero', () => {
    const { queue } = newQueue();
    queue.left();
    assert.equal(queue.ahead, 0);
    queue.add(3);
    queue.add(2);
    leave(queue, 4);
    assert.equal(queue.ahead, 1);
    leave(queue, 4);
    assert.equal(queue.ahead, 0);
  });

  it('says when fewer packets wait', () => {
    const { queue, world } = newQueue();
    queue.add(2);
    assert.equal(world.fewer, 0);
    leave(queue, 3);
    assert.equal(world.fewer, 2);
  });

  it('leaves out the decoys that leave besides', () => {
    const { queue, world } = newQueue(200);
    queue.add(100);
    for (let frame = 0; frame < 80; frame += 1) {
      world.now += 25;
      queue.left();
    }
    // In 2000 ms 10 of them were decoys.
    assert.equal(queue.ahead, 100 - 70);
  });

  it('makes up for no more than two decoys that were due while nothing left', () => {
    const { queue, world } = newQueue(200);
    world.now += 100_000;
    queue.add(10);
    leave(queue, 10);
    assert.equal(queue.ahead, 2);
  });

  it('is forgotten when nothing has left for a while', () => {
    const { queue, world } = newQueue();
    queue.add(20);
    mock.timers.tick(STALE_AFTER_MS - 1);
    queue.left();
    mock.timers.tick(STALE_AFTER_MS - 1);
    assert.equal(queue.ahead, 19, 'a frame that leaves renews the belief');
    queue.add(1);
    mock.timers.tick(1);
    assert.equal(queue.ahead, 0, 'a message that is added does not');
    assert.equal(world.fewer, 2);
  });

  it('is not forgotten as far as it waits in the socket', () => {
    const { queue } = newQueue();
    queue.add(20);
    for (let n = 0; n < 3; n += 1) queue.given();
    mock.timers.tick(STALE_AFTER_MS);
    assert.equal(queue.ahead, 3);
    mock.timers.tick(10 * STALE_AFTER_MS);
    assert.equal(queue.ahead, 3);
    leave(queue, 3);
    assert.equal(queue.ahead, 0);
  });

  it('is believed anew after it was forgotten', () => {
    const { queue } = newQueue();
    queue.add(5);
    mock.timers.tick(STALE_AFTER_MS);
    queue.add(7);
    mock.timers.tick(STALE_AFTER_MS - 1);
    assert.equal(queue.ahead, 7);
    mock.timers.tick(1);
    assert.equal(queue.ahead, 0);
  });
});
