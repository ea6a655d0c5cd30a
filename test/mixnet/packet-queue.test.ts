import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import { PacketQueue, STALE_AFTER_MS } from '../../src/mixnet/packet-queue.js';

/** Whether the promise has settled by now, without waiting for it. */
async function hasSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise<void>((resolve) => setImmediate(resolve));
  return settled;
}

function leave(queue: PacketQueue, packets: number): void {
  for (let i = 0; i < packets; i += 1) queue.left();
}

describe('the estimate of waiting packets', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('grows with messages, shrinks with frames, and never falls below zero', () => {
    const queue = new PacketQueue();
    queue.left();
    assert.equal(queue.ahead, 0);
    queue.add(3);
    queue.add(2);
    leave(queue, 4);
    assert.equal(queue.ahead, 1);
    leave(queue, 4);
    assert.equal(queue.ahead, 0);
  });

  it('lets a sender go on at once while few packets wait', async () => {
    const queue = new PacketQueue();
    queue.add(16);
    assert.ok(await hasSettled(queue.whenAtMost(16)));
  });

  it('holds a sender until few enough packets wait', async () => {
    const queue = new PacketQueue();
    queue.add(20);
    const few = queue.whenAtMost(16);
    const none = queue.whenAtMost(0);
    leave(queue, 3);
    assert.ok(!(await hasSettled(few)));
    leave(queue, 1);
    assert.ok(await hasSettled(few));
    assert.ok(!(await hasSettled(none)));
    leave(queue, 16);
    assert.ok(await hasSettled(none));
  });

  it('is forgotten when nothing has left for a while', async () => {
    const queue = new PacketQueue();
    queue.add(20);
    const few = queue.whenAtMost(16);
    mock.timers.tick(STALE_AFTER_MS - 1);
    queue.left();
    mock.timers.tick(STALE_AFTER_MS - 1);
    assert.equal(queue.ahead, 19, 'a frame that leaves renews the belief');
    queue.add(1);
    mock.timers.tick(1);
    assert.equal(queue.ahead, 0, 'a message that is added does not');
    assert.ok(await hasSettled(few));
  });

  it('is believed anew after it was forgotten', () => {
    const queue = new PacketQueue();
    queue.add(5);
    mock.timers.tick(STALE_AFTER_MS);
    queue.add(7);
    mock.timers.tick(STALE_AFTER_MS - 1);
    assert.equal(queue.ahead, 7);
    mock.timers.tick(1);
    assert.equal(queue.ahead, 0);
  });
});
