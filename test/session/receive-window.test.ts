import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { INITIAL_WINDOW, MAX_WINDOW } from '../../src/session/limits.js';
import { ReceiveWindow } from '../../src/session/bytes/receive-window.js';

/** Reads `rate` bytes per second for `seconds`, and returns the window that the peer has in the end. */
function windowAfter(rate: number, seconds: number): number {
  const window = new ReceiveWindow(INITIAL_WINDOW);
  let read = 0;
  for (let now = 0; now < 1000 * seconds; now += 10) {
    read = Math.min(read + rate / 100, window.limit);
    if (window.due(read)) window.advance(read, now);
  }
  window.advance(read, 1000 * seconds);
  return window.limit - read;
}

describe('the receive window', () => {
  it('stays small for what is slow', () => {
    assert.ok(windowAfter(8_000, 60) <= 2 * INITIAL_WINDOW);
  });

  it('grows to one or two times what is read in two seconds', () => {
    for (const rate of [80_000, 200_000, 500_000]) {
      const window = windowAfter(rate, 60);
      assert.ok(window >= 1.5 * rate && window <= 4.5 * rate, `${window} bytes at ${rate} bytes/s`);
    }
  });

  it('never grows beyond its bound', () => {
    assert.equal(windowAfter(10_000_000, 60), MAX_WINDOW);
  });

  it('grows, however slowly it is read, when the peer fills it while the reader waits for what is missing', () => {
    const window = new ReceiveWindow(INITIAL_WINDOW);
    const read = INITIAL_WINDOW / 2;
    window.advance(0, 0);
    window.filled();
    window.advance(read, 60_000);
    assert.equal(window.limit, read + 2 * INITIAL_WINDOW);
    window.advance(2 * read, 120_000);
    assert.equal(window.limit, 2 * read + 2 * INITIAL_WINDOW, 'once');
  });

  it('does not move for a reader that does not read', () => {
    const window = new ReceiveWindow(INITIAL_WINDOW);
    window.advance(0, 10_000);
    assert.equal(window.limit, INITIAL_WINDOW);
  });
});
