import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionServer } from '../../src/proxy/server.js';
import { DEFAULT_SESSION_LIMITS, sessionLimits } from '../../src/proxy/session-limits.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';

describe('limits of sessions', () => {
  it('are the defaults where none is given; 0 is none', () => {
    assert.deepEqual(sessionLimits(), DEFAULT_SESSION_LIMITS);
    const given = sessionLimits({ maxSessions: 0, idleTimeoutMs: undefined });
    assert.deepEqual(given, { ...DEFAULT_SESSION_LIMITS, maxSessions: 0 });
  });

  for (const value of [NaN, -1, 1.5, Infinity]) {
    it(`cannot be ${value}`, async () => {
      for (const name of Object.keys(DEFAULT_SESSION_LIMITS)) {
        const wrong = {
          name: 'RangeError',
          message: new RegExp(`^limits\\.${name} must be .*, not ${value}$`),
        };
        const limits = { [name]: value };
        assert.throws(() => sessionLimits(limits), wrong);
        const connectUpstream = () => Promise.reject(new Error('nobody connects'));
        assert.throws(() => new SessionServer({ connectUpstream, limits }), wrong);
        // Before anything is started.
        await assert.rejects(
          NymProxyServer.create({ upstream: '127.0.0.1:1', env: 'nowhere', limits }),
          wrong,
        );
      }
    });
  }
});
