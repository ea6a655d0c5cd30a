import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { ByteQueue } from '../../src/session/bytes/byte-queue.js';

describe('a queue of chunks', () => {
  it('gives back what was put in, in order, however it is cut', () => {
    const steps = fc.array(fc.oneof(fc.uint8Array({ maxLength: 1500 }), fc.constant('shift' as const)));
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new ByteQueue();
        const [put, taken]: [number[], number[]] = [[], []];
        for (const step of list) {
          if (step instanceof Uint8Array) {
            queue.push(step);
            put.push(...step);
          } else {
            taken.push(...(queue.shift() ?? []));
          }
          assert.equal(queue.size, put.length - taken.length);
        }
        for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) taken.push(...chunk);
        assert.equal(queue.size, 0);
        assert.deepEqual(taken, put);
      }),
    );
  });

  it('keeps single bytes together', () => {
    const queue = new ByteQueue();
    for (let n = 0; n < 3000; n += 1) queue.push(Uint8Array.of(n & 0xff));
    let chunks = 0;
    while (queue.shift()) chunks += 1;
    assert.equal(chunks, 3);
  });
});
