import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { ACCEPTOR_SILENCE_MS } from '../../src/session/limits.js';
import type { Frame } from '../../src/wire/frame.js';
import { newSessionId } from '../../src/wire/session-id.js';

const sessionId = newSessionId();
const ANSWER = 1000;

/** An acceptor that has had a whole request, has answered, and last heard this of the opener, at 200 ms. */
function acceptor(last: readonly Frame[]): SessionEngine {
  const engine = new SessionEngine({ sessionId, supply: undefined, closeTimeoutMs: 60_000, now: 0 });
  let messageId = 0;
  const hear = (frames: readonly Frame[], now: number) => {
    engine.receive({ sessionId, messageId, kind: 'frames', frames }, now);
    messageId += 1;
  };
  hear(
    [
      { type: 'data', offset: 0, bytes: new Uint8Array(10) },
      { type: 'fin', offset: 10 },
    ],
    0,
  );
  while (engine.take(0));
  engine.write(new Uint8Array(ANSWER));
  while (engine.poll(100));
  engine.finish();
  while (engine.poll(150));
  hear(last, 200);
  while (engine.poll(300));
  return engine;
}

/** How it ends when nothing more comes. */
function endOf(engine: SessionEngine): string | undefined {
  engine.poll(200 + ACCEPTOR_SILENCE_MS - 1);
  assert.ok(engine.outcome === undefined, 'it waits as long as for any other');
  engine.poll(200 + ACCEPTOR_SILENCE_MS);
  return outcomeOf(engine);
}

const outcomeOf = ({ outcome }: SessionEngine) =>
  outcome?.kind === 'reset' ? outcome.error.code : outcome?.kind;

describe('an opener that dies right after its leave, which is lost with it', () => {
  it('has left well if it has acknowledged every byte, though not the end', () => {
    assert.equal(endOf(acceptor([{ type: 'ack', offset: ANSWER, window: 65_536 }])), 'done');
  });

  it('has not if a byte may be missing', () => {
    assert.equal(endOf(acceptor([{ type: 'ack', offset: ANSWER - 1, window: 65_536 }])), 'timeout');
  });
});
