import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ClientPool } from '../../src/mixnet/pool.js';
import { SharedDialer } from '../../src/proxy/dialer.js';
import { Servers } from '../../src/proxy/servers.js';
import { controlledStarts, dead, settled } from '../mixnet/controlled-starts.js';

describe('one mixnet client for all sessions', () => {
  function newDialer() {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 0, start: starts.start });
    return { starts, pool, dialer: new SharedDialer(pool, { servers: new Servers(['nobody']) }) };
  }

  it('starts before the first session, and carries all', async () => {
    const { starts, dialer } = newDialer();
    await settled();
    assert.equal(dialer.carriers.length, 0);
    const client = starts.first().succeed();
    await settled();
    const idle = dialer.carriers.map((carrier) => [carrier.client, carrier.sessions]);
    assert.deepEqual(idle, [[client, 0]], 'it is seen before it carries anything');
    await Promise.all([dialer.dial(), dialer.dial()]);
    assert.equal(starts.pending.length, 0);
    const [carrier, ...others] = dialer.carriers;
    assert.deepEqual([carrier?.client, carrier?.sessions, others.length], [client, 2, 0]);
    await dialer.close();
    assert.equal(client.state, 'closed');
  });

  it('is replaced when it is lost, soon and without waiting for a session', async () => {
    const { starts, pool, dialer } = newDialer();
    await settled();
    const first = starts.first().succeed();
    await settled();
    const { connection: session } = await dialer.dial();
    first.lose();
    await settled();
    assert.deepEqual([dialer.carriers.length, starts.pending.length], [0, 0], 'nobody is hammered');
    pool.hurry();
    const second = starts.first().succeed();
    await settled();
    const [carrier] = dialer.carriers;
    assert.deepEqual([carrier?.client, carrier?.sessions], [second, 1], 'the session goes on');
    await dialer.dial();
    await dialer.close();
    await assert.rejects(session.closed, { code: 'aborted' });
  });

  it('is tried again until it starts; who waits for a start that fails hears of it', async () => {
    const { starts, pool, dialer } = newDialer();
    await settled();
    const failing = dialer.dial();
    starts.first().fail(dead);
    await assert.rejects(failing, dead);
    await settled();
    const waiting = dialer.dial();
    pool.hurry();
    starts.first().succeed();
    await waiting;
    await dialer.close();
  });

  it('is not started again once everything is closed', async () => {
    const { starts, pool, dialer } = newDialer();
    await settled();
    await dialer.close();
    await settled();
    pool.hurry();
    assert.equal(starts.pending.length, 0);
    await assert.rejects(dialer.dial(), { code: 'state' });
  });
});
