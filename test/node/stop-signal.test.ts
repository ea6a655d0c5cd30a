import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it, type TestContext } from 'node:test';

import { END_LIMIT_MS, SAME_WISH_MS, stopSignal } from '../../src/node/cli/stop-signal.js';

function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const source = new EventEmitter();
  const events: string[] = [];
  const signal = stopSignal({
    source,
    onStop: (name) => events.push(`stop ${name}`),
    onLate: () => events.push('late'),
    exit: (code) => events.push(`exit ${code}`),
  });
  const send = (name: 'SIGINT' | 'SIGTERM') => source.emit(name, name);
  return { signal, events, send, tick: (ms: number) => t.mock.timers.tick(ms) };
}

describe('the signals of a command', () => {
  it('abort at the first and leave the process to end by itself', (t) => {
    const { signal, events, send, tick } = setUp(t);
    assert.equal(signal.aborted, false);
    send('SIGTERM');
    assert.equal(signal.aborted, true);
    tick(END_LIMIT_MS - 1);
    assert.deepEqual(events, ['stop SIGTERM']);
  });

  it('count as one when npm repeats what the terminal said', (t) => {
    const { events, send, tick } = setUp(t);
    send('SIGINT');
    send('SIGINT');
    tick(SAME_WISH_MS - 1);
    send('SIGINT');
    assert.deepEqual(events, ['stop SIGINT']);
  });

  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`end the process at once when a second ${name} comes`, (t) => {
      const { events, send, tick } = setUp(t);
      send('SIGINT');
      tick(SAME_WISH_MS);
      send(name);
      assert.deepEqual(events, ['stop SIGINT', `exit ${code}`]);
    });
  }

  it('end the process within 5 s whatever hangs', (t) => {
    const { events, send, tick } = setUp(t);
    send('SIGTERM');
    tick(5_000);
    assert.deepEqual(events, ['stop SIGTERM', 'late', 'exit 0']);
  });
});
