import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import { Heartbeat } from '../../src/mixnet/node/heartbeat.js';

const TIMES = { everyMs: 20_000, patienceMs: 10_000 };
/** More than the last chance that an overdue peer gets. */
const GRACE_MS = 1_000;

describe('the heartbeat of a connection', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval'] }));
  afterEach(() => mock.timers.reset());

  function start() {
    const seen = { pings: 0, deaths: 0 };
    const heartbeat = new Heartbeat(
      TIMES,
      () => (seen.pings += 1),
      () => (seen.deaths += 1),
    );
    return { seen, heartbeat };
  }

  it('pings at its times', () => {
    const { seen, heartbeat } = start();
    mock.timers.tick(TIMES.everyMs - 1);
    assert.equal(seen.pings, 0);
    mock.timers.tick(1);
    assert.equal(seen.pings, 1);
    heartbeat.heard();
    mock.timers.tick(TIMES.everyMs);
    assert.equal(seen.pings, 2);
    heartbeat.stop();
  });

  it('stops for good once nothing follows a ping', () => {
    const { seen } = start();
    mock.timers.tick(TIMES.everyMs);
    mock.timers.tick(TIMES.patienceMs);
    assert.equal(seen.deaths, 0);
    mock.timers.tick(GRACE_MS);
    assert.equal(seen.deaths, 1);
    mock.timers.tick(10 * TIMES.everyMs);
    assert.equal(seen.deaths, 1);
    assert.equal(seen.pings, 1);
  });

  it('goes on as long as anything follows each ping in time', () => {
    const { seen, heartbeat } = start();
    mock.timers.tick(TIMES.everyMs);
    for (let i = 0; i < 10; i += 1) {
      mock.timers.tick(TIMES.patienceMs - 1);
      heartbeat.heard();
      mock.timers.tick(TIMES.everyMs - TIMES.patienceMs + 1);
    }
    assert.equal(seen.deaths, 0);
    heartbeat.stop();
  });

  it('gives a peer a last chance whose answer was only not read yet', () => {
    const { seen, heartbeat } = start();
    mock.timers.tick(TIMES.everyMs);
    mock.timers.tick(TIMES.patienceMs);
    heartbeat.heard();
    mock.timers.tick(GRACE_MS);
    assert.equal(seen.deaths, 0);
    heartbeat.stop();
  });

  it('is still after it was stopped', () => {
    const { seen, heartbeat } = start();
    mock.timers.tick(TIMES.everyMs);
    heartbeat.stop();
    mock.timers.tick(10 * TIMES.everyMs);
    assert.deepEqual(seen, { pings: 1, deaths: 0 });
  });
});
