import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { EventStreamParser, type StreamEvent } from '../../src/app/messages/event-stream.js';

const all = (...pieces: string[]): StreamEvent[] => {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

describe('an event stream', () => {
  it('has data, a type, and the last id that was given', () => {
    assert.deepEqual(all('id: 7\nevent: tick\ndata: a\ndata:b\n\n', 'data\n\n'), [
      { type: 'tick', data: 'a\nb', id: '7' },
      { type: 'message', data: '', id: '7' },
    ]);
  });

  it('is not moved by comments, unknown fields, a byte order mark, or blocks without data', () => {
    assert.deepEqual(all('\ufeff: hello\nretry: 5\nevent: lost\n\nother: x\n\ndata: y\n\n'), [
      { type: 'message', data: 'y', id: '' },
    ]);
  });

  it('says nothing of an event that is not complete', () => {
    assert.deepEqual(all('data: a\n'), []);
  });

  it('gives up an event that is longer than memory should hold', () => {
    assert.throws(() => all('data: ', 'x'.repeat(1024 * 1024)), RangeError);
    assert.throws(
      () => all(...Array.from({ length: 1100 }, () => `data: ${'x'.repeat(1000)}\n`)),
      RangeError,
    );
  });

  it('reads the same wherever it is cut and however its lines end', () => {
    const line = fc.constantFrom('data: one', 'data:two', 'event: e', 'id: 3', ': note', '', '', 'data');
    fc.assert(
      fc.property(
        fc.array(line),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(200)),
        (lines, end, cuts) => {
          // After a last line that is surely complete, nothing can be held back.
          const stream = [...lines, '', ': end'].join(end) + end;
          const at = [...new Set(cuts.map((cut) => Math.min(cut, stream.length)))].sort((a, b) => a - b);
          const pieces = [...at, stream.length].map((cut, index) => stream.slice(at[index - 1] ?? 0, cut));
          const expected = all([...lines, '', ': end'].join('\n') + '\n');
          assert.deepEqual(all(...pieces), expected);
        },
      ),
    );
  });
});
