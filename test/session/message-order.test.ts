import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { SessionError } from '../../src/session/errors.js';
import { MessageOrder } from '../../src/session/bytes/message-order.js';
import type { LegacyMessage } from '../../src/session/envelope.js';

const message = (messageId: number): LegacyMessage => ({
  kind: 'data',
  sessionId: '00112233-4455-4677-8899-aabbccddeeff',
  messageId,
  body: new Uint8Array(1),
});

const ids = (messages: readonly LegacyMessage[]) => messages.map(({ messageId }) => messageId);

describe('message order', () => {
  it('survives the wrap at 65,536 with messages out of order and repeated', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(30)), (jumps) => {
        const order = new MessageOrder(0);
        const total = 70_000;
        const delivered: number[] = [];
        for (let start = 0; start < total; start += 20) {
          const block = Array.from({ length: 20 }, (_, n) => start + n);
          block.sort((a, b) => ((a * 7919) % 97) - ((b * 7919) % 97));
          const repeated = start + ((jumps.next().value as number) % 20);
          for (const n of [...block, repeated]) delivered.push(...ids(order.insert(message(n & 0xffff))));
        }
        assert.equal(delivered.length, total);
        assert.ok(delivered.every((id, n) => id === (n & 0xffff)));
        assert.equal(order.pendingBytes, 0);
      }),
      { numRuns: 3 },
    );
  });

  it('survives three wraps when they are counted from 1 and shuffled within a window of 8', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const order = new MessageOrder(1);
        const sent = Array.from({ length: 3 * 0x1_0000 }, (_, n) => n + 1);
        const arrivals = sent.map((n) => ({ n, at: n + (Math.imul(n ^ seed, 0x9e37_79b1) >>> 29) }));
        arrivals.sort((a, b) => a.at - b.at);
        const delivered: number[] = [];
        for (const { n } of arrivals) delivered.push(...ids(order.insert(message(n & 0xffff))));
        assert.equal(delivered.length, sent.length);
        assert.ok(delivered.every((id, n) => id === (sent[n] ?? 0) % 0x1_0000));
        assert.equal(order.pendingBytes, 0);
      }),
      { numRuns: 5 },
    );
  });

  it('starts a Rust client at 1, and at 0 if that comes first', () => {
    const rust = new MessageOrder(1);
    assert.deepEqual(ids(rust.insert(message(2))), []);
    assert.deepEqual(ids(rust.insert(message(1))), [1, 2]);
    const other = new MessageOrder(1);
    assert.deepEqual(ids(other.insert(message(0))), [0]);
    assert.deepEqual(ids(other.insert(message(1))), [1]);
    const late = new MessageOrder(1);
    late.insert(message(1));
    assert.throws(() => late.insert(message(0)), SessionError);
  });
});
