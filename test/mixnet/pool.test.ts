import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { FIRST_RETRY_MS, LAST_RETRY_MS, PROVEN_AFTER_MS } from '../../src/mixnet/backoff.js';
import { ClientPool } from '../../src/mixnet/pool.js';
import { controlledStarts, dead, settled } from './controlled-starts.js';
import { FakeClient } from './fake-client.js';

describe('the client pool', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('fills its reserve one client at a time', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 3, start: starts.start });
    for (const ready of [1, 2, 3]) {
      assert.equal(starts.pending.length, 1);
      starts.first().succeed();
      await settled();
      assert.equal(pool.ready, ready);
    }
    assert.equal(starts.pending.length, 0);
    await pool.close();
  });

  it('hands out a ready client at once and replaces it', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 1, start: starts.start });
    const client = starts.first().succeed();
    await settled();
    assert.equal(await pool.take(), client);
    assert.equal(pool.ready, 0);
    starts.first().succeed();
    await settled();
    assert.equal(pool.ready, 1);
    await pool.close();
    assert.equal(client.state, 'ready', 'a client that was taken belongs to its taker');
  });

  it('starts a client per caller when it is empty, and serves the callers in turn', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 1, start: starts.start });
    const takes = [pool.take(), pool.take(), pool.take()];
    assert.equal(starts.pending.length, 3);
    const clients = [starts.first().succeed(), starts.first().succeed(), starts.first().succeed()];
    assert.deepEqual(await Promise.all(takes), clients);
    assert.equal(starts.pending.length, 1, 'the reserve is filled afterwards');
    await pool.close();
  });

  it('works without a reserve', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 0, start: starts.start });
    assert.equal(starts.pending.length, 0);
    const take = pool.take();
    const client = starts.first().succeed();
    assert.equal(await take, client);
    assert.equal(starts.pending.length, 0);
    await pool.close();
  });

  it('takes in a client that is ready already, and closes it with the rest', async () => {
    const starts = controlledStarts();
    const [first, unused] = [new FakeClient(), new FakeClient()];
    const pool = new ClientPool({ reserve: 0, start: starts.start, first });
    assert.equal(await pool.take(), first);
    assert.equal(starts.pending.length, 0);
    await pool.close();
    await new ClientPool({ reserve: 0, start: starts.start, first: unused }).close();
    assert.deepEqual([first.state, unused.state], ['ready', 'closed']);
  });

  it('throws lost clients of the reserve away and replaces them', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 2, start: starts.start });
    const first = starts.first().succeed();
    await settled();
    const second = starts.first().succeed();
    await settled();
    first.lose();
    assert.equal(pool.ready, 1);
    assert.equal(first.state, 'closed');
    mock.timers.tick(FIRST_RETRY_MS);
    starts.first().succeed();
    await settled();
    assert.equal(pool.ready, 2);
    assert.equal(await pool.take(), second);
    await pool.close();
  });

  it('makes the next try at once when it is told to hurry', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 1, start: starts.start });
    pool.hurry();
    assert.equal(starts.pending.length, 1, 'there is nothing to hurry yet');
    starts.first().fail(dead);
    await settled();
    assert.equal(starts.pending.length, 0);
    pool.hurry();
    assert.equal(starts.pending.length, 1);
    starts.first().succeed();
    await settled();
    mock.timers.tick(LAST_RETRY_MS);
    assert.deepEqual([pool.ready, starts.pending.length], [1, 0]);
    await pool.close();
    pool.hurry();
    assert.equal(starts.pending.length, 0);
  });

  it('waits longer after each failed start, up to a limit, and anew after a client that has lived', async () => {
    const starts = controlledStarts();
    const waits: number[] = [];
    let now = 0;
    const pool = new ClientPool({
      reserve: 1,
      start: starts.start,
      onFailure: (_, ms) => waits.push(ms),
      now: () => now,
    });
    for (let expected = FIRST_RETRY_MS; waits.length < 10; expected = Math.min(2 * expected, LAST_RETRY_MS)) {
      starts.first().fail(dead);
      await settled();
      const wait = waits.at(-1) ?? 0;
      assert.ok(wait >= expected / 2 && wait <= expected, `${wait} is not within half of ${expected}`);
      mock.timers.tick(Math.floor(wait) - 1);
      assert.equal(starts.pending.length, 0, 'it does not start early');
      mock.timers.tick(2);
      assert.equal(starts.pending.length, 1);
    }
    starts.first().succeed();
    await settled();
    now += PROVEN_AFTER_MS;
    starts.clients[0]?.lose();
    assert.ok((waits.at(-1) ?? 0) <= FIRST_RETRY_MS);
    await pool.close();
  });

  it('waits longer each time that a client starts and soon dies', async () => {
    const starts = controlledStarts();
    const waits: number[] = [];
    const outages: number[] = [];
    let now = 0;
    const pool = new ClientPool({
      reserve: 1,
      start: starts.start,
      onFailure: (_, ms) => waits.push(ms),
      onRecovery: (ms) => outages.push(ms),
      now: () => now,
    });
    for (let longest = FIRST_RETRY_MS; waits.length < 5; longest *= 2) {
      const client = starts.first().succeed();
      await settled();
      client.lose();
      const wait = waits.at(-1) ?? 0;
      assert.ok(wait >= longest / 2 && wait <= longest, `${wait} is not within half of ${longest}`);
      now += wait;
      mock.timers.tick(Math.ceil(wait));
    }
    assert.deepEqual(outages.map(Math.round), waits.slice(0, -1).map(Math.round));
    await pool.close();
  });

  it('probes a dead directory once at a time, however many callers wait, and tells them all', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 2, start: starts.start });
    starts.first().fail(dead);
    await settled();
    const takes = Promise.allSettled([pool.take(), pool.take(), pool.take()]);
    assert.equal(starts.pending.length, 0);
    mock.timers.tick(FIRST_RETRY_MS);
    assert.equal(starts.pending.length, 1);
    starts.first().fail(dead);
    for (const take of await takes) assert.deepEqual(take, { status: 'rejected', reason: dead });
    await pool.close();
  });

  it('rejects only the caller whose own start failed', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 0, start: starts.start });
    const takes = Promise.allSettled([pool.take(), pool.take()]);
    starts.first().fail(dead);
    await settled();
    const client = starts.first().succeed();
    assert.deepEqual(await takes, [
      { status: 'fulfilled', value: client },
      { status: 'rejected', reason: dead },
    ]);
    await pool.close();
  });

  it('rejects a caller whose signal aborts, and ends the start that was his', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 0, start: starts.start });
    const control = new AbortController();
    const take = pool.take(control.signal);
    const { signal } = starts.first();
    const reason = new Error('the connection is gone');
    control.abort(reason);
    await assert.rejects(take, reason);
    assert.ok(signal.aborted);
    await assert.rejects(pool.take(control.signal), reason);
    await pool.close();
  });

  it('closes: starts end, clients close, callers are told', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 1, start: starts.start });
    const ready = starts.first().succeed();
    await settled();
    const taken = await pool.take();
    const waiting = assert.rejects(pool.take(), { name: 'MixnetClientError', code: 'state' });
    const { signal } = starts.first();
    await pool.close();
    await waiting;
    assert.equal(ready, taken);
    assert.ok(signal.aborted);
    assert.equal(starts.pending.length, 0);
    await assert.rejects(pool.take(), { name: 'MixnetClientError', code: 'state' });
    await pool.close();
  });

  it('closes a client whose start was ended too late', async () => {
    const client = new FakeClient();
    let arrive: (client: MixnetClient) => void = () => undefined;
    const pool = new ClientPool({ reserve: 1, start: () => new Promise((resolve) => (arrive = resolve)) });
    const closed = pool.close();
    arrive(client);
    await closed;
    assert.equal(client.state, 'closed');
  });

  it('counts a client that was lost while it started as a failed start', async () => {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve: 0, start: starts.start });
    const take = assert.rejects(pool.take(), { code: 'gateway' });
    const client = starts.first().succeed();
    client.lose();
    await take;
    assert.equal(client.state, 'closed');
    await pool.close();
  });

  it('survives a start that throws at once', async () => {
    const failures: unknown[] = [];
    const pool = new ClientPool({
      reserve: 1,
      start: () => {
        throw dead;
      },
      onFailure: (error) => failures.push(error),
    });
    await settled();
    assert.deepEqual(failures, [dead]);
    await pool.close();
  });
});
