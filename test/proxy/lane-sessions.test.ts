import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { LaneSessions } from '../../src/proxy/lane-sessions.js';
import { SessionError } from '../../src/session/errors.js';
import type { Session } from '../../src/session/session.js';
import { newConnectionId } from '../../src/wire/lane.js';
import { lanePair, type TestLane } from '../lanes/lane-pair.js';

const soon = () => Promise.resolve();
const sessionOf = (lane: TestLane) => lane as unknown as Session;

describe('the connections over several lanes of a server', () => {
  it('are known by their first lane until they end', async () => {
    const sessions = new LaneSessions();
    const connection = newConnectionId();
    const [, first] = lanePair(soon);
    const whole = sessions.add(sessionOf(first), { connection, number: 0 }, []);
    assert.ok(whole);
    const [, second] = lanePair(soon);
    assert.equal(sessions.add(sessionOf(second), { connection, number: 1 }, []), undefined);
    assert.equal(second.resetWith, undefined);
    assert.equal(sessions.size, 1);
    whole.reset(new SessionError('aborted', 'us'));
    await assert.rejects(whole.closed, { code: 'aborted' });
    assert.equal(sessions.size, 0);
    const [, late] = lanePair(soon);
    assert.equal(sessions.add(sessionOf(late), { connection, number: 2 }, []), undefined);
    assert.equal(late.resetWith?.code, 'gone');
  });
});
