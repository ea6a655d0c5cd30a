import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';

import fc from 'fast-check';

import { LocalnetError } from '../../src/localnet/errors.js';
import { NO_FAULTS } from '../../src/localnet/faults.js';
import type { Arrival } from '../../src/localnet/link.js';
import { ThreadLink, threadLinkEnds } from '../../src/localnet/thread-link.js';
import { NodeThread } from '../../src/localnet/thread.js';
import { mixSpec } from './traffic.js';

const IN_TIME = { timeout: 60_000 };

/** A link with both ends in this thread. */
function link(t: TestContext): {
  here: ThreadLink;
  arrived: { node: number; arrival: Arrival }[];
  next: () => Promise<unknown>;
} {
  const [near, far] = threadLinkEnds();
  const arrived: { node: number; arrival: Arrival }[] = [];
  const here = new ThreadLink(near, () => assert.fail('nothing was sent this way'));
  const there = new ThreadLink(far, (node, arrival) => arrived.push({ node, arrival }));
  t.after(() => {
    here.close();
    there.close();
  });
  return { here, arrived, next: () => once(far.port, 'message') };
}

describe('the link between threads', IN_TIME, () => {
  it('brings packets in order, each to its node, with its type and key rotation', async (t) => {
    const { here, arrived, next } = link(t);
    const byte = fc.integer({ min: 0, max: 255 });
    const own = { noNullPrototype: true };
    const arrival = fc.record({ packetType: byte, keyRotation: byte, packet: fc.uint8Array() }, own);
    const entry = fc.record({ node: fc.integer({ min: 0, max: 2 ** 32 - 1 }), arrival }, own);
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1 }), async (sent) => {
        arrived.length = 0;
        const received = next();
        for (const { node, arrival } of sent) assert.equal(here.send(node, arrival), true);
        await received;
        const [first] = arrived;
        assert.ok(first?.arrival.lateMs !== undefined);
        // All of a batch were under way for the same time.
        const { lateMs } = first.arrival;
        assert.deepEqual(
          arrived,
          sent.map(({ node, arrival }) => ({ node, arrival: { ...arrival, lateMs } })),
        );
      }),
    );
  });

  it('counts the time that packets are under way as lateness, on top of what they had', async (t) => {
    const { here, arrived, next } = link(t);
    const packet = { packetType: 0, keyRotation: 0, packet: new Uint8Array(1) };
    const received = next();
    here.send(1, { ...packet, lateMs: 500 });
    here.send(1, packet);
    // Sent at the end of this turn; then the thread is busy, and does not read its port.
    await Promise.resolve();
    const busyUntil = performance.now() + 50;
    while (performance.now() < busyUntil);
    await received;
    const [late = 0, onTime = 0] = arrived.map(({ arrival }) => arrival.lateMs);
    assert.ok(onTime >= 49 && onTime < 450, `${onTime} ms`);
    assert.ok(Math.abs(late - onTime - 500) < 0.01, `${late} ms`);
  });

  it('leaves the memory of what it sends alone', async (t) => {
    const { here, arrived, next } = link(t);
    const memory = new Uint8Array(100).fill(7);
    here.send(1, { packetType: 0, keyRotation: 0, packet: memory.subarray(10, 20) });
    await next();
    assert.equal(memory.length, 100);
    assert.deepEqual(arrived[0]?.arrival.packet, new Uint8Array(10).fill(7));
  });

  it('refuses packets while 64 MiB are under way, and takes them again afterwards', async (t) => {
    const { here, arrived, next } = link(t);
    const packet = { packetType: 0, keyRotation: 0, packet: new Uint8Array(2 ** 20) };
    let taken = 0;
    while (here.send(1, packet)) taken += 1;
    assert.equal(taken, 63);
    await next();
    assert.equal(arrived.length, taken);
    const received = next();
    assert.equal(here.send(1, packet), true);
    await received;
  });
});

describe('a node thread', IN_TIME, () => {
  it('that dies says so, and rejects what it was asked for', async () => {
    const deaths = new EventEmitter();
    const death = once(deaths, 'death');
    const nodes = [{ ...mixSpec(1), sphinxPrivateKey: new Uint8Array(31) }];
    const plan = { nodes, links: [], faults: NO_FAULTS, seed: undefined };
    const thread = new NodeThread(plan, (error) => deaths.emit('death', error));
    const isDeath = (error: unknown): boolean =>
      error instanceof LocalnetError && error.code === 'closed' && /died.*31 bytes/.test(error.message);
    await assert.rejects(
      thread.call((api) => api.reports()),
      isDeath,
    );
    assert.ok((await death).every(isDeath));
    await assert.rejects(
      thread.call((api) => api.reports()),
      isDeath,
    );
    await thread.close();
  });
});
