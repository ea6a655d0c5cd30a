import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import fc from 'fast-check';

import { newNodeCounters, type DropCounters, type NodeCounters } from '../../src/localnet/counters.js';
import { DelayQueue } from '../../src/localnet/delay-queue.js';
import { Link, type Arrival } from '../../src/localnet/link.js';
import { MAX_LATE_MS, MixNode, type MixNodeOptions } from '../../src/localnet/mix-node.js';
import type { NodeSpec } from '../../src/localnet/node-host.js';
import type { FinalHop } from '../../src/localnet/packet.js';
import { PACKET_SIZES } from '../../src/localnet/sphinx/format.js';
import { dropsOf, hopOf, mixSpec, packetThrough } from './traffic.js';

const [spec, nextSpec, strangerSpec] = [mixSpec(1), mixSpec(2), mixSpec(3)];

/** Time, which passes only when told to. */
let nowMs = 0;

function pass(ms: number): void {
  for (let i = 0; i < ms; i += 1) {
    nowMs += 1;
    mock.timers.tick(1);
  }
}

/** A mix node, and what arrives at the only node it can reach. */
function newNode(options: Partial<MixNodeOptions> & { limit?: number } = {}): {
  node: MixNode;
  arrived: Arrival[];
} {
  const arrived: Arrival[] = [];
  const link = new Link(new Map([['127.0.0.1:20002', (arrival: Arrival) => arrived.push(arrival) > 0]]));
  const queue = new DelayQueue(options.limit, () => nowMs);
  return { node: new MixNode({ sphinxPrivateKey: spec.sphinxPrivateKey, queue, ...options }, link), arrived };
}

/** A packet that the node is to hold for `delayMs`. */
const delayed = (delayMs: number): Arrival => packetThrough([hopOf(spec, delayMs), hopOf(nextSpec)]);
const finalPacket = (): Arrival => packetThrough([hopOf(spec)]);

function expectDropped(node: MixNode, expected: Partial<DropCounters>): void {
  assert.deepEqual(node.counters().dropped, { ...newNodeCounters().dropped, ...expected });
}

describe('a mix node', () => {
  beforeEach(() => {
    nowMs = 0;
    mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  });
  afterEach(() => mock.timers.reset());

  it('passes packets of every size on, with their type and key rotation', () => {
    const { node, arrived } = newNode();
    for (const packetSize of Object.values(PACKET_SIZES)) {
      node.receive({ ...packetThrough([hopOf(spec), hopOf(nextSpec)], { packetSize }), keyRotation: 1 });
    }
    pass(1);
    assert.deepEqual(
      arrived.map(({ packet, packetType, keyRotation }) => [packet.length, packetType, keyRotation]),
      Object.values(PACKET_SIZES).map((size) => [size, 0, 1]),
    );
  });

  it('holds each packet for the delay it asks for, and so changes their order', () => {
    const { node, arrived } = newNode();
    const delays = [300, 100, 200];
    const sizes = [PACKET_SIZES.ack, PACKET_SIZES.regular, PACKET_SIZES.extended8];
    delays.forEach((delayMs, i) => {
      const packetSize = sizes[i] ?? 0;
      node.receive(packetThrough([hopOf(spec, delayMs), hopOf(nextSpec)], { packetSize }));
    });
    assert.equal(node.counters().held, 3);
    const arrivals: [number, number][] = [];
    for (let step = 0; step < 310; step += 1) {
      pass(1);
      for (const { packet } of arrived.splice(0)) arrivals.push([nowMs, packet.length]);
    }
    assert.deepEqual(arrivals, [
      [100, PACKET_SIZES.regular],
      [200, PACKET_SIZES.extended8],
      [300, PACKET_SIZES.ack],
    ]);
  });

  it('holds no packet longer than ten seconds', () => {
    const { node, arrived } = newNode();
    node.receive(delayed(3_600_000));
    pass(9_999);
    assert.equal(arrived.length, 0);
    pass(1);
    assert.equal(arrived.length, 1);
  });

  it('drops a packet it saw before, though not one that it could not authenticate', () => {
    const { node, arrived } = newNode();
    const arrival = delayed(0);
    const tampered = Uint8Array.from(arrival.packet);
    tampered[100] = (tampered[100] ?? 0) ^ 1;
    node.receive({ ...arrival, packet: tampered });
    node.receive(arrival);
    node.receive(arrival);
    pass(1);
    assert.equal(arrived.length, 1);
    expectDropped(node, { badMac: 1, replay: 1 });
  });

  it('drops packets for nodes it does not know, for other keys, of other types and sizes', () => {
    const { node, arrived } = newNode();
    node.receive(packetThrough([hopOf(spec), hopOf(strangerSpec)]));
    node.receive(packetThrough([hopOf(strangerSpec), hopOf(nextSpec)]));
    node.receive({ ...delayed(0), packetType: 2 });
    node.receive(packetThrough([hopOf(spec), hopOf(nextSpec)], { packetSize: 2412 }));
    node.receive({ packetType: 0, keyRotation: 0, packet: new Uint8Array(0) });
    pass(1);
    assert.equal(arrived.length, 0);
    expectDropped(node, { unknownNextHop: 1, badMac: 1, malformed: 3 });
  });

  it('drops final packets, unless it has a use for them', () => {
    const { node } = newNode();
    node.receive(finalPacket());
    expectDropped(node, { malformed: 1 });

    const finals: FinalHop[] = [];
    const gateway = newNode({ onFinal: (final) => finals.push(final) }).node;
    const payload = randomBytes(21);
    gateway.receive(packetThrough([hopOf(spec)], { packetSize: PACKET_SIZES.ack, payload }));
    assert.equal(finals.length, 1);
    const [final] = finals;
    assert.deepEqual(final?.payload, new Uint8Array(payload));
    assert.deepEqual([final.packetSize, final.packetType, final.keyRotation], [PACKET_SIZES.ack, 0, 1]);
    assert.equal(gateway.counters().final, 1);
  });

  it('tries the present key, then the last one, for packets that name no key rotation', () => {
    const { node, arrived } = newNode();
    const next = mixSpec(1);
    const packet = (of: NodeSpec, keyRotation: number): Arrival => ({
      ...packetThrough([hopOf(of), hopOf(nextSpec)]),
      keyRotation,
    });
    node.rotateKey({ rotation: 2, privateKey: next.sphinxPrivateKey });
    // Rotation 1 is odd, 2 even.
    for (const [of, keyRotation] of [
      [spec, 0],
      [spec, 1],
      [next, 0],
      [next, 2],
    ] as const) {
      node.receive(packet(of, keyRotation));
    }
    pass(1);
    assert.equal(arrived.length, 4);
    expectDropped(node, {});
    node.receive(packet(spec, 2));
    node.receive(packet(strangerSpec, 0));
    expectDropped(node, { badMac: 2 });

    node.endKeyOverlap();
    node.receive(packet(spec, 0));
    node.receive(packet(spec, 1));
    node.receive(packet(next, 2));
    pass(1);
    assert.equal(arrived.length, 5);
    expectDropped(node, { badMac: 3, expiredKey: 1 });

    node.rotateKey({ rotation: 3, privateKey: mixSpec(1).sphinxPrivateKey });
    node.rotateKey({ rotation: 4, privateKey: mixSpec(1).sphinxPrivateKey });
    node.receive(packet(next, 2));
    expectDropped(node, { badMac: 4, expiredKey: 1 });
  });

  it('drops packets that are later than their senders wait, whether they came late or were kept too long', () => {
    const { node, arrived } = newNode();
    node.receive({ ...delayed(10), lateMs: MAX_LATE_MS + 1 });
    node.receive({ ...delayed(10), lateMs: 1000 });
    node.receive(delayed(10));
    // The machine is busy for a second, and no timer fires.
    nowMs += 1010;
    mock.timers.tick(1010);
    expectDropped(node, { late: 2 });
    assert.equal(arrived.length, 1);
    assert.equal(arrived[0]?.lateMs, 1000);
  });

  it('survives errors of what it hands packets to', () => {
    const { node } = newNode({
      onFinal: () => {
        throw new Error('broken');
      },
    });
    assert.equal(node.fault, undefined);
    node.receive(finalPacket());
    node.receive(finalPacket());
    expectDropped(node, { failed: 2 });
    assert.equal(node.fault, 'broken');
  });

  it('drops what exceeds the limit of what it may hold, and takes packets again afterwards', () => {
    const { node, arrived } = newNode({ limit: 10_000 });
    for (let i = 0; i < 5; i += 1) node.receive(delayed(10));
    assert.equal(node.counters().held, 3);
    expectDropped(node, { queueFull: 2 });
    pass(20);
    node.receive(delayed(10));
    pass(20);
    assert.equal(arrived.length, 4);
  });

  it('loses what it holds and all that comes while it is stopped, and still knows replays afterwards', () => {
    const { node, arrived } = newNode();
    const before = delayed(0);
    node.receive(before);
    pass(1);
    node.receive(delayed(10));
    node.stop();
    assert.equal(node.running, false);
    node.receive(delayed(0));
    pass(20);
    assert.equal(arrived.length, 1);
    expectDropped(node, { stopped: 2 });

    node.start();
    node.receive(before);
    node.receive(delayed(0));
    pass(1);
    assert.equal(arrived.length, 2);
    expectDropped(node, { stopped: 2, replay: 1 });
  });

  it('accounts for every packet', () => {
    const kinds = {
      good: () => delayed(50),
      quick: () => delayed(0),
      final: finalPacket,
      garbage: (): Arrival => ({ packetType: 0, keyRotation: 0, packet: randomBytes(2413) }),
      stranger: () => packetThrough([hopOf(spec), hopOf(strangerSpec)]),
    };
    const kind = fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[]));
    const steps = fc.array(fc.record({ kind, twice: fc.boolean(), wait: fc.integer({ min: 0, max: 20 }) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 29 }), (all, stopAt) => {
        const { node } = newNode({ onFinal: () => undefined, limit: 20_000 });
        all.forEach(({ kind, twice, wait }, index) => {
          if (index === stopAt) node.stop();
          if (index === stopAt + 3) node.start();
          const arrival = kinds[kind]();
          node.receive(arrival);
          if (twice) node.receive(arrival);
          node.originate(packetThrough([hopOf(nextSpec)], { packetSize: PACKET_SIZES.ack }));
          pass(wait);
          assertBalanced(node.counters());
        });
      }),
      { numRuns: 30 },
    );
  });
});

function assertBalanced(counters: NodeCounters): void {
  const { received, fromClients, acksReleased, forwarded, final, held } = counters;
  const out = forwarded + final + held + dropsOf(counters);
  assert.equal(out, received + fromClients + acksReleased);
}
