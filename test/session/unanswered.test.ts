import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { PROXY_ENVELOPE } from '../../src/session/envelope.js';
import { SILENCE_TOP_UPS_MS, SILENCE_TOP_UP_SURBS } from '../../src/session/limits.js';
import type { OutgoingMessage } from '../../src/session/engine/message-packer.js';
import { SurbCredit } from '../../src/session/surbs/surb-credit.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';
import { decodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { newSessionId } from '../../src/wire/session-id.js';

function said(engine: SessionEngine, now: number): OutgoingMessage[] {
  const messages = [];
  for (let next = engine.poll(now); next; next = engine.poll(now)) messages.push(next);
  return messages;
}

describe('an opener that is not answered', () => {
  it('brings SURBs now and then, behind its Close too: lost replies have spent those that it gave', () => {
    const common = { sessionId: newSessionId(), closeTimeoutMs: 60_000, now: 0 };
    const opener = new SessionEngine({ ...common, supply: new SurbSupply() });
    opener.write(new TextEncoder().encode('request'));
    opener.finish();
    const first = said(opener, 0);
    assert.deepEqual(
      first.map(({ payload }) => decodeProxiedMessage(payload).kind),
      ['data', 'close'],
    );
    const later: OutgoingMessage[] = [];
    for (const at of SILENCE_TOP_UPS_MS) {
      assert.equal(opener.deadline, at);
      const [topUp, ...more] = said(opener, at);
      assert.ok(topUp && more.length === 0);
      assert.ok(topUp.replySurbs >= SILENCE_TOP_UP_SURBS);
      // To a Rust server, plain bytes behind Close would be more of the stream.
      assert.equal(decodeProxiedMessage(topUp.payload).kind, 'frames');
      later.push(topUp);
    }

    const stock = new SurbCredit();
    const acceptor = new SessionEngine({ ...common, supply: undefined, instance: 1 });
    for (const { payload } of [...first, ...later]) {
      acceptor.receive(PROXY_ENVELOPE.decode(payload), 40_000, stock);
    }
    assert.equal(acceptor.outcome, undefined);
    assert.ok(stock.usable >= 2 + SILENCE_TOP_UPS_MS.length * SILENCE_TOP_UP_SURBS);
    acceptor.write(new TextEncoder().encode('answer'));
    acceptor.finish();
    for (const { payload } of said(acceptor, 40_000)) opener.receive(PROXY_ENVELOPE.decode(payload), 40_100);
    assert.deepEqual(opener.take(40_100), new TextEncoder().encode('answer'));
    assert.equal(opener.mode, 'frames');
  });
});
