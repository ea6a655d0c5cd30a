import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';
import { decodeFrames, type Frame } from '../../src/wire/frame.js';
import { decodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { newSessionId, sessionProtocolVersion, SESSION_PROTOCOL_VERSION } from '../../src/wire/session-id.js';
import { simulate } from '../support/session-world.js';

const NEXT = SESSION_PROTOCOL_VERSION + 1;

describe('an opener of a later version of the session protocol', () => {
  const sessionId = newSessionId(NEXT);

  it('says so in the session id', () => {
    assert.equal(sessionProtocolVersion(sessionId), NEXT);
  });

  for (const startWithFrames of [false, true]) {
    it(`is served in ours, starting ${startWithFrames ? 'with frames' : 'in legacy mode'}`, () => {
      const application = { writes: [new Uint8Array(100_000)], writeEveryMs: 10, readEveryMs: 1 };
      const told: Frame[] = [];
      const { opener, acceptor } = simulate({
        opener: application,
        acceptor: application,
        fate: () => [50],
        sessionId,
        startWithFrames,
        watch: (_, { payload }) => {
          const { kind, body } = decodeProxiedMessage(payload);
          if (kind === 'frames') told.push(...decodeFrames(body));
        },
        until: 60_000,
      });
      assert.deepEqual(
        [opener.engine?.outcome, acceptor.engine?.outcome],
        [{ kind: 'done' }, { kind: 'done' }],
      );
      assert.deepEqual([opener.received.length, acceptor.received.length], [100_000, 100_000]);
      const versions = (type: 'open' | 'opened') =>
        new Set(told.flatMap((frame) => (frame.type === type ? [frame.version] : [])));
      assert.deepEqual(versions('opened'), new Set([SESSION_PROTOCOL_VERSION]));
      assert.deepEqual(versions('open'), new Set(startWithFrames ? [NEXT] : []));
    });
  }
});

describe('a version of the session protocol that cannot be', () => {
  function told(frame: Frame, isOpener: boolean) {
    const sessionId = newSessionId();
    const supply = isOpener ? new SurbSupply() : undefined;
    const engine = new SessionEngine({ sessionId, supply, closeTimeoutMs: 60_000, now: 0 });
    engine.receive({ sessionId, messageId: 0, kind: 'frames', frames: [frame] }, 100);
    return engine.outcome?.kind === 'reset' ? engine.outcome.error.code : undefined;
  }

  it('ends the session: an answer in a version that the opener did not offer, or a version 0', () => {
    assert.equal(told({ type: 'opened', version: NEXT, window: 65_536 }, true), 'protocol');
    assert.equal(told({ type: 'opened', version: 0, window: 65_536 }, true), 'protocol');
    assert.equal(told({ type: 'open', version: 0, window: 65_536 }, false), 'protocol');
    assert.equal(told({ type: 'opened', version: 1, window: 65_536 }, true), undefined);
    assert.equal(told({ type: 'open', version: NEXT, window: 65_536 }, false), undefined);
  });
});
