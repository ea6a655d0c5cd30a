import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { RangeSet } from '../../src/session/bytes/range-set.js';
import type { ByteRange } from '../../src/wire/frame.js';

const MOST = 60;

/** Some are empty, and some end before they begin. */
const range = fc.record({ from: fc.nat(MOST), to: fc.nat(MOST) });

/** The runs of a set of offsets. */
function runsOf(offsets: ReadonlySet<number>): ByteRange[] {
  const runs: ByteRange[] = [];
  for (let from = 0; from < MOST; from += 1) {
    if (!offsets.has(from) || offsets.has(from - 1)) continue;
    let to = from;
    while (offsets.has(to)) to += 1;
    runs.push({ from, to });
  }
  return runs;
}

describe('a set of ranges', () => {
  it('holds what was added and not removed, in as few ranges as possible', () => {
    const steps = fc.array(fc.record({ kind: fc.constantFrom('add', 'remove', 'missing'), range }));
    fc.assert(
      fc.property(steps, (all) => {
        const set = new RangeSet();
        const offsets = new Set<number>();
        for (const { kind, range } of all) {
          const within = Array.from({ length: MOST }, (_, n) => n).filter(
            (n) => n >= range.from && n < range.to,
          );
          if (kind === 'add') {
            set.add(range);
            for (const n of within) offsets.add(n);
          } else if (kind === 'remove') {
            set.remove(range);
            for (const n of within) offsets.delete(n);
          } else {
            const missing = new Set(within.filter((n) => !offsets.has(n)));
            assert.deepEqual(set.missingIn(range), runsOf(missing));
          }
          const runs = runsOf(offsets);
          assert.deepEqual(set.ranges, runs);
          assert.deepEqual([set.first, set.end], [runs[0], runs.at(-1)?.to]);
        }
        set.clear();
        assert.deepEqual([set.ranges, set.first, set.end], [[], undefined, undefined]);
      }),
    );
  });

  it('joins ranges that touch', () => {
    const set = new RangeSet();
    for (const from of [0, 20, 10]) set.add({ from, to: from + 10 });
    assert.deepEqual(set.ranges, [{ from: 0, to: 30 }]);
  });

  it('is cut in two where something is removed from the middle', () => {
    const set = new RangeSet();
    set.add({ from: 0, to: 30 });
    set.remove({ from: 10, to: 20 });
    assert.deepEqual(set.ranges, [
      { from: 0, to: 10 },
      { from: 20, to: 30 },
    ]);
  });
});
