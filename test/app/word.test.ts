import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { decodeWord, encodeWord, MAX_FILE_BYTES, type Word } from '../../src/app/streams/word.js';

const HASH = 'ab'.repeat(32);
const json = (value: unknown) =>
  Uint8Array.from([
    0,
    ...new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)),
  ]);

describe('a word between two tabs', () => {
  it('is understood as it was said', () => {
    const words: Word[] = [
      { kind: 'hello' },
      { kind: 'text', text: 'grüß dich' },
      { kind: 'file', name: 'a.bin', size: MAX_FILE_BYTES },
      { kind: 'piece', content: Uint8Array.of(0, 1, 255) },
      { kind: 'piece', content: new Uint8Array() },
      { kind: 'hash', sha256: HASH },
      { kind: 'stop' },
      { kind: 'arrived', sha256: HASH },
    ];
    for (const word of words) assert.deepEqual(decodeWord(encodeWord(word)), word);
  });

  it('is none if it is of no kind, or lacks what its kind has', () => {
    for (const value of [
      '',
      '{',
      null,
      [],
      {},
      { kind: 'shout' },
      { kind: 'text' },
      { kind: 'text', text: 7 },
      { kind: 'file', name: 'a', size: MAX_FILE_BYTES + 1 },
      { kind: 'file', name: 'a', size: -1 },
      { kind: 'file', name: 'a', size: 1.5 },
      { kind: 'file', size: 1 },
      { kind: 'hash', sha256: 'ab' },
      { kind: 'arrived', sha256: `<b>${HASH}` },
      { kind: 'piece', content: 'no' },
    ]) {
      assert.equal(decodeWord(json(value)), undefined, JSON.stringify(value));
    }
    assert.equal(decodeWord(new Uint8Array()), undefined);
    assert.equal(decodeWord(Uint8Array.of(2)), undefined);
  });

  it('never makes the page throw, whatever the other side sends', () => {
    fc.assert(fc.property(fc.uint8Array(), (message) => void decodeWord(message)));
  });
});
