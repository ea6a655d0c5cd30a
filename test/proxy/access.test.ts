import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { Access } from '../../src/proxy/access.js';
import { CLOCK_TOLERANCE_S } from '../../src/proxy/used-proofs.js';
import { parseAccessToken, proveAccess } from '../../src/session/access-proof.js';
import type { Opening } from '../../src/session/gate.js';
import { newSessionId } from '../../src/wire/session-id.js';

const NOW = 1_700_000_000;
const tokens = fc.stringMatching(/^[!-~]{16,40}$/);

function openingWith(token: string, changes: Partial<Opening> & { time?: number; upstream?: string } = {}) {
  const { time = NOW, upstream, ...rest } = changes;
  const context = { recipient: 'server', sessionId: newSessionId(), upstream: upstream ?? '', time };
  const proof = proveAccess(parseAccessToken(token), context);
  const opening: Opening = {
    senderTag: 'tag',
    recipient: 'server',
    sessionId: context.sessionId,
    request: { proof, ...(upstream !== undefined && { upstream }) },
  };
  return { ...opening, ...rest };
}

describe('access tokens', () => {
  it('let in who holds one of them, by name of which, and nobody else', () => {
    fc.assert(
      fc.property(fc.uniqueArray(tokens, { minLength: 2, maxLength: 5 }), fc.nat(), (all, pick) => {
        const [stranger = '', ...good] = all;
        const access = new Access(
          () => good,
          () => NOW,
        );
        const token = good[pick % good.length] ?? '';
        assert.equal(access.check(openingWith(token, { upstream: 'web' })), token);
        assert.equal(access.check(openingWith(stranger)), undefined);
        assert.equal(access.check({ ...openingWith(token), request: undefined }), undefined);
      }),
    );
  });

  it('prove themselves for one session, one server, one upstream and one time only', () => {
    const token = 'correct-horse-battery';
    const access = new Access(
      () => [token],
      () => NOW,
    );
    const opening = openingWith(token, { upstream: 'web' });
    const { proof } = opening.request ?? {};
    assert.ok(proof);
    for (const other of [
      { ...opening, sessionId: newSessionId() },
      { ...opening, recipient: 'another' },
      { ...opening, request: { upstream: 'ssh', proof } },
      { ...opening, request: { proof } },
      { ...opening, request: { upstream: 'web', proof: { ...proof, time: proof.time + 1 } } },
    ]) {
      assert.equal(access.check(other), undefined);
    }
    assert.equal(access.check(opening), token);
  });

  it('prove nothing with any bit of the proof changed', () => {
    const token = 'correct-horse-battery';
    const access = new Access(
      () => [token],
      () => NOW,
    );
    fc.assert(
      fc.property(fc.nat(255), (bit) => {
        const opening = openingWith(token);
        const mac = opening.request?.proof?.mac ?? new Uint8Array();
        mac[bit >> 3] = (mac[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(access.check(opening), undefined);
      }),
    );
  });

  it('are good once for a session, for as long as the clock could let the proof pass again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -CLOCK_TOLERANCE_S, max: CLOCK_TOLERANCE_S }),
        fc.nat(3 * CLOCK_TOLERANCE_S),
        (skew, later) => {
          const token = 'correct-horse-battery';
          let now = NOW;
          const access = new Access(
            () => [token],
            () => now,
          );
          const opening = openingWith(token, { time: NOW + skew });
          assert.equal(access.check(opening), token);
          access.use(opening);
          now += later;
          assert.equal(access.check(opening), undefined);
        },
      ),
    );
  });

  it('are refused when the clocks differ too much', () => {
    const token = 'correct-horse-battery';
    const access = new Access(
      () => [token],
      () => NOW,
    );
    for (const skew of [-CLOCK_TOLERANCE_S - 1, CLOCK_TOLERANCE_S + 1, -NOW, 2 ** 50]) {
      assert.equal(access.check(openingWith(token, { time: NOW + skew })), undefined);
    }
  });

  it('forget proofs that are too old anyway', () => {
    const token = 'correct-horse-battery';
    let now = NOW;
    const access = new Access(
      () => [token],
      () => now,
    );
    for (let n = 0; n < 500; n += 1) {
      const opening = openingWith(token, { time: now });
      assert.equal(access.check(opening), token);
      access.use(opening);
      now += 10;
      assert.ok(access.remembered <= CLOCK_TOLERANCE_S / 10 + 2, `${access.remembered} are remembered`);
    }
  });

  it('that are gone are good no more', () => {
    const [kept, gone] = ['correct-horse-battery', 'incorrect-horse-battery'];
    let tokensNow = [kept, gone];
    const access = new Access(
      () => tokensNow,
      () => NOW,
    );
    assert.equal(access.check(openingWith(gone)), gone);
    tokensNow = [kept];
    assert.equal(access.check(openingWith(gone)), undefined);
    assert.deepEqual([access.isGood(kept), access.isGood(gone)], [true, false]);
  });

  it('have a shape that keeps them from being guessed, and their text out of errors', () => {
    for (const text of ['', 'short', 'with blanks in between', 'x'.repeat(257), 'ümlauts-are-not-ascii']) {
      assert.throws(
        () => parseAccessToken(text),
        (error) => error instanceof RangeError && (text === '' || !error.message.includes(text)),
      );
    }
  });
});
