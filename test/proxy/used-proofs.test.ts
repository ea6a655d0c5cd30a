import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { Access } from '../../src/proxy/access.js';
import {
  BUSY_TOLERANCE_S,
  CALM_PROOFS,
  CLOCK_TOLERANCE_S,
  MAX_PROOFS,
  UsedProofs,
} from '../../src/proxy/used-proofs.js';
import { parseAccessToken, proveAccess } from '../../src/session/access-proof.js';
import type { Opening } from '../../src/session/gate.js';
import { newSessionId } from '../../src/wire/session-id.js';

const NOW = 1_700_000_000;
const TOKEN = 'correct-horse-battery';

/** The start of an HMAC, which is as good as random. */
function macs(): () => Uint8Array {
  let n = 0;
  return () => {
    n += 1;
    const mac = new Uint8Array(32);
    new DataView(mac.buffer).setBigUint64(0, BigInt(n) * 0x9e37_79b9_7f4a_7c15n);
    return mac;
  };
}

/** Uses fresh proofs and counts those that were refused. */
function opens(used: UsedProofs, newMac: () => Uint8Array) {
  return (count: number, now: number, skew = 0): number => {
    let refused = 0;
    for (let n = 0; n < count; n += 1) {
      const mac = newMac();
      if (used.isFresh(mac, now + skew, now)) used.add(mac, now + skew);
      else refused += 1;
    }
    return refused;
  };
}

describe('the proofs of access that were used', () => {
  it('refuse no good one at 120 a second for 20 minutes, whatever the clocks, and let none pass twice', () => {
    const used = new UsedProofs();
    const newMac = macs();
    const kept: { mac: Uint8Array; time: number }[] = [];
    for (let second = 0; second < 1200; second += 1) {
      const now = NOW + second;
      for (let n = 0; n < 120; n += 1) {
        const mac = newMac();
        const time = now + (n === 0 ? 1 - CLOCK_TOLERANCE_S : n === 1 ? CLOCK_TOLERANCE_S : 0);
        assert.ok(used.isFresh(mac, time, now), `refused after ${second} s`);
        used.add(mac, time);
        if (n < 5) kept.push({ mac, time });
      }
      for (const { mac, time } of kept) assert.ok(!used.isFresh(mac, time, now));
    }
  });

  it('stay in bounds at 10,000 a second of those who hold a token; clocks that are right are never refused', () => {
    const used = new UsedProofs();
    const newMac = macs();
    const open = opens(used, newMac);
    const replays: { mac: Uint8Array; time: number }[] = [];
    let most = 0;
    for (let second = 0; second < 150; second += 1) {
      const now = NOW + second;
      const mac = newMac();
      used.add(mac, now);
      replays.push({ mac, time: now });
      // Some say that they come from the future, where their proofs last longest.
      open(5000, now, CLOCK_TOLERANCE_S);
      assert.equal(open(5000, now, second % 2 === 0 ? -BUSY_TOLERANCE_S + 1 : 0), 0, `after ${second} s`);
      most = Math.max(most, used.size);
      for (const { mac, time } of replays) assert.ok(!used.isFresh(mac, time, now));
    }
    assert.ok(most >= CALM_PROOFS && most < MAX_PROOFS, `${most} proofs were remembered`);
    // Much later everything is forgotten, and nothing good twice.
    for (let later = 0; later < 3 * CLOCK_TOLERANCE_S; later += 50)
      for (const { mac, time } of replays) assert.ok(!used.isFresh(mac, time, NOW + 150 + later));
    assert.equal(used.size, 0);
  });

  it('let nothing pass twice, however the clock moves', () => {
    const moves = fc.array(
      fc.record({ by: fc.integer({ min: -200, max: 900 }), skew: fc.integer({ min: -700, max: 700 }) }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(moves, (steps) => {
        const used = new UsedProofs();
        const newMac = macs();
        const seen: { mac: Uint8Array; time: number }[] = [];
        let now = NOW;
        for (const { by, skew } of steps) {
          now += by;
          const proof = { mac: newMac(), time: now + skew };
          if (used.isFresh(proof.mac, proof.time, now)) {
            used.add(proof.mac, proof.time);
            seen.push(proof);
          }
          for (const { mac, time } of seen) assert.ok(!used.isFresh(mac, time, now));
        }
      }),
    );
  });

  it('are none of strangers', () => {
    const access = new Access(
      () => [TOKEN],
      () => NOW,
    );
    const opening = (token: string): Opening => {
      const context = { recipient: 'server', sessionId: newSessionId(), upstream: '', time: NOW };
      const proof = proveAccess(parseAccessToken(token), context);
      return { senderTag: 'tag', recipient: 'server', sessionId: context.sessionId, request: { proof } };
    };
    for (let n = 0; n < 10_000; n += 1)
      assert.equal(access.check(opening('incorrect-horse-battery')), undefined);
    assert.equal(access.remembered, 0);
    const good = opening(TOKEN);
    assert.equal(access.check(good), TOKEN);
    access.use(good);
    assert.equal(access.check(good), undefined);
    assert.equal(access.remembered, 1);
  });
});
