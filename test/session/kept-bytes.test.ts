import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { KeptBytes } from '../../src/session/kept-bytes.js';

describe('bytes that are kept', () => {
  it('can be read from any offset, until they are let go of', () => {
    const steps = fc.array(
      fc.record({ add: fc.nat(1500), drop: fc.nat(3000), from: fc.nat(9000), length: fc.nat(4000) }),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const kept = new KeptBytes();
        const stream: number[] = [];
        for (const { add, drop, from, length } of all) {
          const bytes = Uint8Array.from({ length: add }, (_, n) => (stream.length + n) % 251);
          stream.push(...bytes);
          kept.push(bytes);
          kept.dropBelow(Math.min(drop, stream.length));
          const start = Math.max(from, kept.start);
          assert.deepEqual(
            [...kept.slice(from, from + length)],
            stream.slice(start, Math.max(start, from + length)),
          );
          assert.equal(kept.size, stream.length - kept.start);
        }
      }),
    );
  });
});
