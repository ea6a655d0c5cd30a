import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { DEFAULT_SESSION_LIMITS, type SessionLimits } from '../../src/proxy/session-limits.js';
import { SessionWatch, type WatchedSession } from '../../src/proxy/session-watch.js';

function watchOver(limits: Partial<SessionLimits>, sessions: readonly WatchedSession[]) {
  const watch = new SessionWatch({ ...DEFAULT_SESSION_LIMITS, ...limits });
  for (const session of sessions) watch.add(session, 0);
  return watch;
}

const session = (changes: Partial<WatchedSession> = {}) => ({
  bytesCarried: 0,
  bytesBuffered: 0,
  mayStay: true,
  ...changes,
});

describe('the watch over open sessions', () => {
  it('ends what has not carried a byte in time, and nothing else', () => {
    const [mute, talker] = [session(), session()];
    const watch = watchOver({ firstByteTimeoutMs: 1000, idleTimeoutMs: 0 }, [mute, talker]);
    assert.deepEqual(watch.check(999), []);
    talker.bytesCarried = 1;
    assert.deepEqual(
      watch.check(1000).map((verdict) => [verdict.session, verdict.limit, verdict.code]),
      [[mute, 'first-byte', 'timeout']],
    );
    watch.remove(mute);
    assert.deepEqual(watch.check(1e9), []);
  });

  it('ends what has been idle for too long, counted from the last byte', () => {
    const one = session({ bytesCarried: 5 });
    const watch = watchOver({ firstByteTimeoutMs: 1000, idleTimeoutMs: 10_000 }, [one]);
    assert.deepEqual(watch.check(0), []);
    assert.deepEqual(watch.check(9999), []);
    one.bytesCarried = 6;
    assert.deepEqual(watch.check(10_000), []);
    assert.deepEqual(watch.check(19_999), []);
    assert.equal(watch.check(20_000)[0]?.limit, 'idle');
  });

  it('ends what may no longer stay', () => {
    const revoked = session({ mayStay: false });
    assert.equal(watchOver({}, [session(), revoked]).check(0)[0]?.code, 'token');
  });

  it('ends those that hold most, no more of them than need be, so that the others hold no more than allowed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5000 }),
        (sizes, max) => {
          const sessions = sizes.map((bytesBuffered) => session({ bytesBuffered, bytesCarried: 1 }));
          const ended = watchOver({ maxBufferedBytes: max }, sessions)
            .check(0)
            .map((verdict) => verdict.session);
          const sum = (all: readonly WatchedSession[]) =>
            all.reduce((total, one) => total + one.bytesBuffered, 0);
          const staying = sessions.filter((one) => !ended.includes(one));
          assert.ok(sum(staying) <= max);
          const smallest = Math.min(...ended.map((one) => one.bytesBuffered));
          for (const one of staying) assert.ok(one.bytesBuffered <= smallest);
          if (ended.length > 0) assert.ok(sum(staying) + smallest > max);
        },
      ),
    );
  });
});
