import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatBytes, formatSeconds } from '../../src/node/cli/units.js';

describe('numbers for people', () => {
  it('say bytes in the unit that fits', () => {
    assert.deepEqual([0, 691.78, 999, 1000, 65_536, 1_048_576, 5e12].map(formatBytes), [
      '0 B',
      '692 B',
      '999 B',
      '1.0 kB',
      '65.5 kB',
      '1.0 MB',
      '5000.0 GB',
    ]);
  });

  it('say times in seconds, small ones more exactly', () => {
    assert.deepEqual([0, 4, 9_990, 31_240].map(formatSeconds), ['0.00 s', '0.00 s', '9.99 s', '31.2 s']);
  });
});
