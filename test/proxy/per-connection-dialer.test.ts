import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ClientPool } from '../../src/mixnet/pool.js';
import { PerConnectionDialer } from '../../src/proxy/dialer.js';
import { Servers } from '../../src/proxy/servers.js';
import { SessionError } from '../../src/session/errors.js';
import { controlledStarts, dead, settled } from '../mixnet/controlled-starts.js';

describe('a mixnet client for each session', () => {
  async function dialled() {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 0, start: starts.start });
    const dialer = new PerConnectionDialer(pool, { servers: new Servers(['nobody']) });
    const dial = dialer.dial();
    const client = starts.first().succeed();
    return { starts, pool, dialer, client, session: (await dial).connection };
  }

  it('is replaced by another when it is lost, also when that takes several tries', async () => {
    const { starts, pool, dialer, client, session } = await dialled();
    client.lose();
    await settled();
    assert.equal(starts.pending.length, 0, 'nobody is hammered');
    pool.hurry();
    starts.first().fail(dead);
    await settled();
    pool.hurry();
    const another = starts.first().succeed();
    await settled();
    const [carrier, ...others] = dialer.carriers;
    assert.deepEqual([carrier?.client, carrier?.sessions, others.length], [another, 1, 0]);
    assert.equal(client.state, 'closed');
    await dialer.close();
    await assert.rejects(session.closed, { code: 'aborted' });
    assert.equal(another.state, 'closed');
  });

  it('is not replaced for a session that was given up meanwhile', async () => {
    const { starts, pool, dialer, client, session } = await dialled();
    client.lose();
    session.reset(new SessionError('aborted', 'us'));
    await assert.rejects(session.closed, { code: 'aborted' });
    await settled();
    pool.hurry();
    assert.equal(starts.pending.length, 0);
    await dialer.close();
    assert.equal(client.state, 'closed');
  });

  it('that comes when everything is closed is closed again', async () => {
    const { starts, pool, dialer, client } = await dialled();
    client.lose();
    pool.hurry();
    const start = starts.first();
    const closed = dialer.close();
    await closed;
    assert.ok(start.signal.aborted);
    assert.deepEqual(dialer.carriers, []);
  });
});
