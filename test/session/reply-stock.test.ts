import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine.js';
import { SessionError } from '../../src/session/errors.js';
import { FIRST_SURBS, FLOWING_SURBS, IDLE_SURBS, MAX_SURBS_WANTED } from '../../src/session/limits.js';
import { ReplyStock } from '../../src/session/reply-stock.js';
import { newSessionId } from '../../src/wire/session-id.js';

const session = {};

const supply = (total: number, here: number) => [{ type: 'supply', total, here } as const];

describe('the SURBs of an acceptor', () => {
  it('are counted from what every opener brings, then from what it says', () => {
    const stock = new ReplyStock();
    stock.brought(FIRST_SURBS);
    assert.equal(stock.usable, 1);
    stock.spent(1);
    assert.equal(stock.usable, 0);
    stock.heard(supply(FIRST_SURBS + 10, 10));
    assert.equal(stock.usable, 10);
    stock.heard(supply(FIRST_SURBS, 0));
    assert.equal(stock.usable, 10, 'what was overtaken changes nothing');
  });

  it('are asked for as what waits needs them, and no more once they were given', () => {
    const stock = new ReplyStock();
    stock.brought(FIRST_SURBS);
    stock.want(session, 2, false);
    stock.spent(1);
    assert.deepEqual(stock.demand, { used: 1, wanted: 1 + IDLE_SURBS + 2 });
    stock.heard(supply(6, 4));
    assert.equal(stock.demand, undefined);
  });

  it('are asked for ahead by sessions that have much to say, within what can be kept', () => {
    const stock = new ReplyStock();
    stock.brought(FIRST_SURBS);
    stock.want(session, 2, true);
    assert.equal(stock.demand?.wanted, 1 + IDLE_SURBS + FLOWING_SURBS);
    for (let n = 0; n < 100; n += 1) stock.want({}, 41, true);
    assert.equal(stock.demand.wanted, MAX_SURBS_WANTED);
  });

  it('are asked for further ahead by sessions that ran out of them all the same', () => {
    const stock = new ReplyStock();
    stock.heard(supply(2, 2));
    stock.whenMore(() => undefined);
    stock.want(session, 2, true);
    assert.equal(stock.demand?.wanted, 1 + IDLE_SURBS + 2 * FLOWING_SURBS);
  });

  it('of before a restart are taken for used', () => {
    const stock = new ReplyStock();
    stock.brought(FIRST_SURBS);
    stock.spent(1);
    stock.heard(supply(510, 8));
    assert.equal(stock.usable, FIRST_SURBS + 8 - 1 - 1);
  });

  it('never count as overdrawn: the official client has asked for those', () => {
    const stock = new ReplyStock();
    stock.brought(FIRST_SURBS);
    stock.spent(40);
    stock.heard(supply(FIRST_SURBS + 3, 3));
    assert.equal(stock.usable, 2);
  });

  it('are spent by resets too', () => {
    const stock = new ReplyStock();
    const end = { sessionId: newSessionId(), surbs: undefined, closeTimeoutMs: 60_000, now: 0 };
    const acceptor = new SessionEngine(end);
    const body = new Uint8Array(1);
    acceptor.receive({ sessionId: end.sessionId, messageId: 0, kind: 'data', body }, 0, stock);
    assert.equal(stock.usable, 1);
    acceptor.reset(new SessionError('refused', 'us'));
    assert.equal(stock.usable, 0);
  });

  it('are not counted for an opener that does not say what it gives', () => {
    const stock = new ReplyStock();
    stock.heard([{ type: 'ack', offset: 0, window: 0 }]);
    assert.equal(stock.usable, Infinity);
    assert.equal(stock.demand, undefined);
    stock.heard(supply(5, 5));
    assert.equal(stock.usable, 4);
  });

  it('wake those who wait for them, the first first, and each once', () => {
    const stock = new ReplyStock();
    const woken: string[] = [];
    stock.whenMore(() => woken.push('a'));
    stock.whenMore(() => woken.push('b'));
    stock.heard(supply(5, 5));
    stock.heard(supply(9, 4));
    assert.deepEqual(woken, ['a', 'b']);
  });
});
