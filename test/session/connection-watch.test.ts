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
  senderTag: 'somebody',
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

  const sum = (all: readonly WatchedSession[]) => all.reduce((total, one) => total + one.bytesBuffered, 0);
  const endedAbove = (max: number, sessions: readonly WatchedSession[]) =>
    watchOver({ maxBufferedBytes: max }, sessions)
      .check(0)
      .map((verdict) => verdict.session);

  it('ends those of whoever holds most, no more than need be, so that the others hold no more than allowed', () => {
    const sizes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(1000)), { maxLength: 30 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5000 }), (held, max) => {
        const sessions = held.map(([senderTag, bytesBuffered]) =>
          session({ senderTag, bytesBuffered, bytesCarried: 1 }),
        );
        const staying = new Set<WatchedSession>(sessions);
        const of = (senderTag: string) => [...staying].filter((one) => one.senderTag === senderTag);
        for (const victim of endedAbove(max, sessions)) {
          assert.ok(sum([...staying]) > max, 'it need not have gone');
          for (const sender of ['a', 'b', 'c']) assert.ok(sum(of(sender)) <= sum(of(victim.senderTag)));
          for (const one of of(victim.senderTag)) assert.ok(one.bytesBuffered <= victim.bytesBuffered);
          staying.delete(victim);
        }
        assert.ok(sum([...staying]) <= max);
      }),
    );
  });

  it('lets no one push a larger session out by many small ones', () => {
    const honest = session({ senderTag: 'honest', bytesBuffered: 400, bytesCarried: 1 });
    const many = Array.from({ length: 100 }, () => session({ bytesBuffered: 10, bytesCarried: 1 }));
    const ended = endedAbove(800, [honest, ...many]);
    assert.equal(ended.length, 60);
    assert.ok(!ended.includes(honest));
  });
});
