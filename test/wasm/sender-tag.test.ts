import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { base58 } from '@scure/base';

import { takeSenderTag } from '../../wasm/sender-tag.js';

/** A tag as wasm-bindgen hands it out: a pointer and a way to free it. */
function fakeTag(pointer: unknown) {
  const tag = { __wbg_ptr: pointer, freed: 0, free: () => void (tag.freed += 1) };
  return tag;
}

describe('a sender tag', () => {
  it('is read from the memory behind its pointer, and freed', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => 200 + i);
    const view = new Uint8Array(memory.buffer).fill(0xff);
    view.set([0, 0, 0, 0, ...bytes], 1000);
    const tag = fakeTag(1000);
    assert.equal(takeSenderTag(memory, tag), base58.encode(bytes));
    assert.equal(tag.freed, 1);
  });

  it('is refused if it has no pointer, as one that was freed or is made otherwise', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    for (const pointer of [0, undefined, '1000']) {
      assert.throws(() => takeSenderTag(memory, fakeTag(pointer)), TypeError);
    }
  });
});
