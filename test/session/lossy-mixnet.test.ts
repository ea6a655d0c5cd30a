import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { seededRandom } from '../../src/localnet/faults.js';
import { MESSAGE_PACKETS } from '../../src/session/limits.js';
import { simulate, type Application } from '../support/session-world.js';

/** Of a packet's whole way: a tenth at each of four hand-overs. */
const LOSS = 1 - 0.9 ** 4;

/** When the official client sends a packet again (sphinx.md section 8). */
const AGAIN_MS = 1600;

const BYTES = 3_000_000;

/** The rate of default traffic, in bytes a second. */
const RATE = 80_000;

const silent: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0 };

const chunk = new Uint8Array(RATE / 10).fill(65);

const bulk: Application = {
  writes: Array.from({ length: BYTES / chunk.length }, () => chunk),
  writeEveryMs: 100,
  readEveryMs: 0,
};

/** Each packet is sent again until it arrives, and a message arrives with its last one. */
function resending(seed: number): () => readonly number[] {
  const random = seededRandom(seed);
  return () => {
    let latest = 0;
    for (let packet = 0; packet < MESSAGE_PACKETS; packet += 1) {
      let at = 100 + 50 * random();
      while (random() < LOSS) at += AGAIN_MS;
      latest = Math.max(latest, at);
    }
    return [latest];
  };
}

describe('a session over a mixnet that loses a third of the packets', () => {
  for (const way of ['upload', 'download'] as const) {
    it(`is not held back by its window (${way})`, () => {
      let longest = 0;
      for (const seed of [1, 2, 3, 4, 5]) {
        const { opener, acceptor, endedAt } = simulate({
          opener: way === 'upload' ? bulk : silent,
          acceptor: way === 'download' ? bulk : silent,
          fate: resending(seed),
          until: 10_000_000,
        });
        assert.deepEqual([opener.error, acceptor.error], [undefined, undefined]);
        const receiver = way === 'upload' ? acceptor : opener;
        assert.equal(receiver.received.length, BYTES);
        longest = Math.max(longest, endedAt);
      }
      // A third of the rate. A window of 64 KiB, which waits for what was lost four times, comes to a tenth.
      assert.ok(longest <= (3 * BYTES * 1000) / RATE, `${longest} ms`);
    });
  }
});
