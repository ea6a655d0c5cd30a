import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { SessionError } from '../../src/session/errors.js';
import { FIRST_SURBS, FLOWING_SURBS, IDLE_SURBS, MAX_SURBS_WANTED } from '../../src/session/limits.js';
import { SurbCredit } from '../../src/session/surbs/surb-credit.js';
import { newSessionId } from '../../src/wire/session-id.js';

const session = {};

const supply = (total: number, here: number) => [{ type: 'supply', total, here } as const];

describe('the SURBs of an acceptor', () => {
  it('are counted from what every opener brings, then from what it says', () => {
    const credit = new SurbCredit();
    credit.brought(FIRST_SURBS);
    assert.equal(credit.usable, 1);
    credit.spent(1);
    assert.equal(credit.usable, 0);
    credit.heard(supply(FIRST_SURBS + 10, 10));
    assert.equal(credit.usable, 10);
    credit.heard(supply(FIRST_SURBS, 0));
    assert.equal(credit.usable, 10, 'what was overtaken changes nothing');
  });

  it('are asked for as what waits needs them, and no more once they were given', () => {
    const credit = new SurbCredit();
    credit.brought(FIRST_SURBS);
    credit.want(session, 2, false);
    credit.spent(1);
    assert.deepEqual(credit.demand, { used: 1, wanted: 1 + IDLE_SURBS + 2 });
    credit.heard(supply(6, 4));
    assert.equal(credit.demand, undefined);
  });

  it('are asked for ahead by sessions that have much to say, within what can be kept', () => {
    const credit = new SurbCredit();
    credit.brought(FIRST_SURBS);
    credit.want(session, 2, true);
    assert.equal(credit.demand?.wanted, 1 + IDLE_SURBS + FLOWING_SURBS);
    for (let n = 0; n < 100; n += 1) credit.want({}, 41, true);
    assert.equal(credit.demand.wanted, MAX_SURBS_WANTED);
  });

  it('are asked for further ahead by sessions that ran out of them all the same', () => {
    const credit = new SurbCredit();
    credit.heard(supply(2, 2));
    credit.whenMore(() => undefined);
    credit.want(session, 2, true);
    assert.equal(credit.demand?.wanted, 1 + IDLE_SURBS + 2 * FLOWING_SURBS);
  });

  it('of before a restart are taken for used', () => {
    const credit = new SurbCredit();
    credit.brought(FIRST_SURBS);
    credit.spent(1);
    credit.heard(supply(510, 8));
    assert.equal(credit.usable, FIRST_SURBS + 8 - 1 - 1);
  });

  it('never count as overdrawn: the official client has asked for those', () => {
    const credit = new SurbCredit();
    credit.brought(FIRST_SURBS);
    credit.spent(40);
    credit.heard(supply(FIRST_SURBS + 3, 3));
    assert.equal(credit.usable, 2);
  });

  it('are spent by resets too', () => {
    const credit = new SurbCredit();
    const end = { sessionId: newSessionId(), supply: undefined, closeTimeoutMs: 60_000, now: 0 };
    const acceptor = new SessionEngine(end);
    const body = new Uint8Array(1);
    acceptor.receive({ sessionId: end.sessionId, messageId: 0, kind: 'data', body }, 0, credit);
    assert.equal(credit.usable, 1);
    acceptor.reset(new SessionError('refused', 'us'), 0);
    assert.ok(acceptor.poll(0));
    assert.equal(credit.usable, 0);
  });

  it('are not counted for an opener that does not say what it gives', () => {
    const credit = new SurbCredit();
    credit.heard([{ type: 'ack', offset: 0, window: 0 }]);
    assert.equal(credit.usable, Infinity);
    assert.equal(credit.demand, undefined);
    credit.heard(supply(5, 5));
    assert.equal(credit.usable, 4);
  });

  it('wake those who wait for them, the first first, and each once', () => {
    const credit = new SurbCredit();
    const woken: string[] = [];
    credit.whenMore(() => woken.push('a'));
    credit.whenMore(() => woken.push('b'));
    credit.heard(supply(5, 5));
    credit.heard(supply(9, 4));
    assert.deepEqual(woken, ['a', 'b']);
  });
});
