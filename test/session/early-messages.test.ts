import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { EarlyMessages, type EarlyMessage } from '../../src/session/early-messages.js';

const LIMITS = { messages: 10, bytes: 100, ms: 1000 };

const message = (sessionId: string, messageId: number, length = 1): EarlyMessage => ({
  message: { sessionId, messageId, kind: 'data', body: new Uint8Array(length) },
  senderTag: 'somebody',
});

const ids = (early: EarlyMessage[]) => early.map(({ message }) => message.messageId);

describe('messages that come before their session', () => {
  it('are handed out once, in the order in which they came', () => {
    const early = new EarlyMessages(LIMITS);
    for (const n of [3, 1, 2]) early.keep(message('a', n), 0);
    early.keep(message('b', 9), 0);
    assert.deepEqual(ids(early.take('a')), [3, 1, 2]);
    assert.deepEqual(ids(early.take('a')), []);
    assert.deepEqual(ids(early.take('b')), [9]);
    assert.deepEqual([early.size, early.bytes], [0, 0]);
  });

  it('make room for new ones when there are too many, too many bytes, or they are too old', () => {
    const early = new EarlyMessages(LIMITS);
    for (let n = 0; n < 12; n += 1) early.keep(message('a', n), 0);
    assert.deepEqual(ids(early.take('a')), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for (let n = 0; n < 3; n += 1) early.keep(message('a', n, 40), 0);
    assert.deepEqual(ids(early.take('a')), [1, 2]);
    early.keep(message('a', 0, 101), 0);
    assert.deepEqual(ids(early.take('a')), []);
    early.keep(message('a', 0), 0);
    early.keep(message('b', 1), 1000);
    assert.deepEqual([ids(early.take('a')), ids(early.take('b'))], [[], [1]]);
  });

  it('never take more than is allowed, whatever comes', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(60), fc.boolean()));
    fc.assert(
      fc.property(steps, (all) => {
        const early = new EarlyMessages(LIMITS);
        let now = 0;
        for (const [id, length, take] of all) {
          if (take) early.take(id);
          else early.keep(message(id, 0, length), (now += length));
          assert.ok(early.size <= LIMITS.messages && early.bytes <= LIMITS.bytes);
        }
        for (const id of ['a', 'b', 'c', 'd']) early.take(id);
        assert.deepEqual([early.size, early.bytes], [0, 0]);
      }),
    );
  });
});
