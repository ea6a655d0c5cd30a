import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { newNodeCounters } from '../../src/localnet/counters.js';
import { DelayQueue } from '../../src/localnet/delay-queue.js';
import { LocalnetError } from '../../src/localnet/errors.js';
import { checkedFaults, NO_FAULTS, seededRandom, type Faults } from '../../src/localnet/faults.js';
import { Link, type Arrival, type Sender } from '../../src/localnet/link.js';

const packet = { packetType: 0, keyRotation: 2, packet: new Uint8Array(386) };
const nextHop = { host: '10.0.0.1', port: 1789 };

/** Sends `count` packets over a link with faults. */
function send(count: number, faults: Partial<Faults>, seed: number): { sender: Sender; arrived: Arrival[] } {
  const arrived: Arrival[] = [];
  const destinations = new Map([['10.0.0.1:1789', (arrival: Arrival) => arrived.push(arrival) > 0]]);
  const link = new Link(destinations, seededRandom(seed));
  link.faults = checkedFaults(faults);
  const sender = { counters: newNodeCounters(), queue: new DelayQueue() };
  for (let i = 0; i < count; i += 1) link.send(sender, { nextHop, ...packet });
  return { sender, arrived };
}

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

describe('the link between nodes', () => {
  it('delivers every packet once, as it is, without faults', () => {
    const { sender, arrived } = send(100, {}, 1);
    assert.deepEqual(arrived, Array<Arrival>(100).fill(packet));
    assert.deepEqual(sender.counters, { ...newNodeCounters(), forwarded: 100 });
  });

  it('loses the share of packets it is told to, and counts them', () => {
    const { sender, arrived } = send(10_000, { loss: 0.05 }, 7);
    // Standard deviation: 22.
    assertNear(sender.counters.dropped.loss, 500, 90);
    assert.equal(arrived.length, 10_000 - sender.counters.dropped.loss);
    assert.equal(sender.counters.forwarded, arrived.length);
  });

  it('duplicates the share of the remaining packets it is told to, and counts them', () => {
    const { sender, arrived } = send(10_000, { loss: 0.5, duplication: 0.2 }, 8);
    const { forwarded, duplicated } = sender.counters;
    assertNear(forwarded, 5000, 200);
    assertNear(duplicated, forwarded / 5, 130);
    assert.equal(arrived.length, forwarded + duplicated);
  });

  it('loses all or duplicates all if told so', () => {
    assert.equal(send(500, { loss: 1 }, 1).arrived.length, 0);
    assert.equal(send(500, { duplication: 1 }, 1).arrived.length, 1000);
  });

  it('makes the same faults again with the same seed, and others with another', () => {
    const outcome = (seed: number): unknown =>
      send(1000, { loss: 0.3, duplication: 0.3 }, seed).sender.counters;
    assert.deepEqual(outcome(5), outcome(5));
    assert.notDeepEqual(outcome(5), outcome(6));
  });

  it('holds each packet for the extra delay', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    const arrived: Arrival[] = [];
    const link = new Link(new Map([['10.0.0.1:1789', (arrival: Arrival) => arrived.push(arrival) > 0]]));
    link.faults = { ...NO_FAULTS, extraDelayMs: 50 };
    let nowMs = 0;
    const sender = { counters: newNodeCounters(), queue: new DelayQueue(undefined, () => nowMs) };
    link.send(sender, { nextHop, ...packet });
    nowMs = 49;
    t.mock.timers.tick(49);
    assert.equal(arrived.length, 0);
    assert.equal(sender.queue.size, 1);
    nowMs = 50;
    t.mock.timers.tick(1);
    assert.deepEqual(arrived, [packet]);
  });

  it('drops packets to addresses that are no node, and those for which there is no room', () => {
    const link = new Link(new Map([['10.0.0.1:1789', () => false]]));
    const sender = { counters: newNodeCounters(), queue: new DelayQueue(0) };
    link.send(sender, { ...packet, nextHop: { host: '10.0.0.2', port: 1789 } });
    link.send(sender, { ...packet, nextHop });
    link.faults = { ...NO_FAULTS, extraDelayMs: 1 };
    link.send(sender, { ...packet, nextHop });
    const { dropped } = newNodeCounters();
    assert.deepEqual(sender.counters.dropped, { ...dropped, unknownNextHop: 1, queueFull: 2 });
  });
});

describe('fault settings', () => {
  it('are complete, with no fault for what is left out', () => {
    assert.deepEqual(checkedFaults({ loss: 0.5 }), { loss: 0.5, duplication: 0, extraDelayMs: 0 });
  });

  it('are refused out of range, with the name and the range', () => {
    for (const [faults, message] of [
      [{ loss: -0.1 }, /loss is -0.1; give a probability from 0 to 1/],
      [{ duplication: 1.1 }, /duplication is 1.1/],
      [{ duplication: NaN }, /duplication is NaN/],
      [{ extraDelayMs: 60_001 }, /extraDelayMs is 60001; give a time in ms from 0 to 60000/],
      [{ extraDelayMs: -1 }, /extraDelayMs is -1/],
    ] as const) {
      assert.throws(
        () => checkedFaults(faults),
        (error) =>
          error instanceof LocalnetError && error.code === 'bad-option' && message.test(error.message),
      );
    }
  });
});
