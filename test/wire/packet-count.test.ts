import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { anonymousMessagePackets, replyPackets } from '../../src/wire/packet-count.js';

describe('packets of a message', () => {
  it('are as many as the official client sent (sphinx.md section 9)', () => {
    const measured: [bytes: number, surbs: number, packets: number][] = [
      [1581, 0, 1],
      [1582, 0, 2],
      [1121, 1, 1],
      [1122, 1, 2],
      [100, 10, 3],
      [190, 10, 4],
      [100, 20, 6],
      [100, 50, 15],
      [100, 100, 29],
      [1000, 10, 4],
    ];
    for (const [bytes, surbs, packets] of measured) {
      assert.equal(anonymousMessagePackets(bytes, surbs), packets, `${bytes} bytes, ${surbs} SURBs`);
    }
    assert.equal(replyPackets(1601), 1);
    assert.equal(replyPackets(1602), 2);
    assert.equal(replyPackets(16_000), 10);
  });

  it('are extended ones where that needs fewer', () => {
    assert.equal(replyPackets(1600, true), 1);
    assert.equal(replyPackets(30_000, true), 1);
    assert.equal(replyPackets(100_000, true), 4);
  });
});
