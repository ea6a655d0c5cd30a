import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import { ReplayFilter } from '../../src/localnet/replay-filter.js';

describe('the replay filter', () => {
  const tags = Array.from({ length: 25 }, () => randomBytes(32));

  it('takes a tag once', () => {
    const filter = new ReplayFilter();
    for (const tag of tags) assert.equal(filter.add(tag), true);
    for (const tag of tags) assert.equal(filter.add(Uint8Array.from(tag)), false);
  });

  it('remembers at least the last generation, and forgets what is older than two', () => {
    const filter = new ReplayFilter(10);
    for (const tag of tags) filter.add(tag);
    // The current generation holds 5, the one before it 10.
    for (const tag of tags.slice(10)) assert.equal(filter.add(tag), false);
    const [oldest = randomBytes(32)] = tags;
    assert.equal(filter.add(oldest), true);
  });

  it('sees each byte of a tag', () => {
    const filter = new ReplayFilter();
    filter.add(new Uint8Array(32));
    for (let i = 0; i < 32; i += 1) {
      const tag = new Uint8Array(32);
      tag[i] = 0x80;
      assert.equal(filter.add(tag), true);
    }
  });
});
