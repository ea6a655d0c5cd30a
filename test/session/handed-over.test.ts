import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { v4 } from 'uuid';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { newSessionId, type SessionId } from '../../src/wire/session-id.js';

/** An acceptor that has been asked for something and answers with much. */
function answering(sessionId: SessionId): SessionEngine {
  const engine = new SessionEngine({ sessionId, supply: undefined, closeTimeoutMs: 60_000, now: 0 });
  engine.receive({ sessionId, messageId: 0, kind: 'data', body: new Uint8Array(10) }, 0);
  engine.write(new Uint8Array(40_000));
  return engine;
}

describe('what the official client may still hold of replies', () => {
  it('is the last message to a peer in legacy mode, until it has had the time to leave', () => {
    const engine = answering(v4());
    assert.equal(engine.handedOver(100), 0);
    const message = engine.poll(100);
    assert.ok(message);
    assert.equal(engine.poll(100), undefined, 'the next one waits');
    assert.equal(engine.handedOver(100), message.payload.length);
    assert.equal(engine.handedOver(1100), 0);
  });

  it('is what a peer of ours has not acknowledged', () => {
    const sessionId = newSessionId();
    const engine = answering(sessionId);
    while (engine.poll(100));
    assert.equal(engine.handedOver(100), 40_000);
    const ack = { type: 'ack', offset: 30_000, window: 65_536 } as const;
    engine.receive({ sessionId, messageId: 1, kind: 'frames', frames: [ack] }, 200);
    assert.equal(engine.handedOver(200), 10_000);
  });
});
