import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { pino } from 'pino';

import { Listeners } from '../../src/mixnet/listeners.js';
import { logSessions, type SessionSource } from '../../src/node/cli/session-log.js';
import { MixnetClientError, SessionError, type ProxyEvents } from '../../src/node/index.js';

type AllListeners = { readonly [E in keyof ProxyEvents]: Listeners<ProxyEvents[E]> };

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

function setUp() {
  const events: AllListeners = {
    session: new Listeners(),
    end: new Listeners(),
    error: new Listeners(),
    retry: new Listeners(),
    recovery: new Listeners(),
  };
  const source: SessionSource = { on: (event, listener) => events[event].add(listener) };
  const lines: Line[] = [];
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Line) },
  );
  const stop = new AbortController();
  logSessions(source, log, stop.signal);
  return { events, lines, stop };
}

const REPORT = { number: 7, bytesSent: 12, bytesReceived: 3456 };
const { info: INFO, warn: WARN, error: ERROR } = pino.levels.values;

describe('the log of sessions', () => {
  it('tells of each session its number, its bytes and its end', () => {
    const { events, lines } = setUp();
    events.session.call({ number: 7, bytesSent: 0, bytesReceived: 0 });
    events.end.call(REPORT);
    assert.deepEqual(
      lines.map(({ level, session }) => [level, session]),
      [
        [INFO, 7],
        [INFO, 7],
      ],
    );
    assert.match(lines[1]?.msg ?? '', /^Session 7 ended after \d+\.\d\d s, 12 B sent, 3\.5 kB received$/);
    assert.deepEqual([lines[1]?.['bytesSent'], lines[1]?.['bytesReceived']], [12, 3456]);
  });

  it('warns of a session that broke off, with the reason', () => {
    const { events, lines } = setUp();
    events.session.call(REPORT);
    events.error.call({ session: REPORT, error: new SessionError('refused', 'peer') });
    const line = lines[1];
    assert(line);
    assert.equal(line.level, WARN);
    assert.match(line.msg, /^Session 7 broke off after .*: the peer reset the session: the upstream refused/);
    assert.deepEqual([line['reason'], line['by']], ['refused', 'peer']);
  });

  it('takes it calmly when an application gives up, and when the command ends', () => {
    const { events, lines, stop } = setUp();
    events.session.call(REPORT);
    events.error.call({ session: REPORT, error: new SessionError('aborted', 'us') });
    const hungUp = new DOMException('This operation was aborted', 'AbortError');
    events.error.call({ session: { ...REPORT, number: 8 }, error: hungUp });
    stop.abort();
    events.error.call({ session: { ...REPORT, number: 9 }, error: new SessionError('gone', 'us') });
    assert.deepEqual([...new Set(lines.map(({ level }) => level))], [INFO]);
    assert.match(lines[2]?.msg ?? '', /^Session 8 was not opened: the application hung up before$/);
  });

  it('says why a session was not opened, and when the next try is', () => {
    const { events, lines } = setUp();
    const error = new MixnetClientError('network', 'The directory is of no use.\nCheck it.');
    events.retry.call({ error, retryMs: 432.1 });
    events.error.call({ session: REPORT, error });
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        [
          WARN,
          'A mixnet client was lost or did not start: The directory is of no use. Check it. Next try in 0.43 s.',
        ],
        [WARN, 'Session 7 was not opened: The directory is of no use. Check it.'],
      ],
    );
  });

  it('tells both ends of an outage', () => {
    const { events, lines } = setUp();
    events.retry.call({ error: new MixnetClientError('gateway', 'It is gone.'), retryMs: 432.1 });
    events.recovery.call({ outageMs: 12_345.6 });
    assert.deepEqual(
      lines.map(({ level }) => level),
      [WARN, INFO],
    );
    assert.equal(lines.at(-1)?.msg, 'A mixnet client is ready again, after 12.3 s.');
    assert.equal(lines.at(-1)?.['outageMs'], 12_346);
  });

  it('keeps the stack of an error that nobody expected', () => {
    const { events, lines } = setUp();
    events.session.call(REPORT);
    events.error.call({ session: REPORT, error: new TypeError('x is not a function') });
    const line = lines[1];
    assert(line);
    assert.equal(line.level, ERROR);
    assert.match((line['err'] as { stack: string }).stack, /^TypeError: x is not a function\n/);
  });
});
