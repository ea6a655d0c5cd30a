import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ACK_DELAY_MS, GREETING_HOLD_MS, OPEN_DELAY_MS } from '../../src/session/limits.js';
import { anonymousMessagePackets, replyPackets } from '../../src/wire/packet-count.js';
import { simulate, type Application } from '../support/session-world.js';

const ROUND_TRIP_MS = 200;

const bytes = (length: number) => new Uint8Array(length).fill(65);

const LATE_MS = 2000;

/** Opens at once and says nothing, for longer than the other end waits. */
const silent: Application = { writes: [], writeEveryMs: 10 * LATE_MS, readEveryMs: 0 };

/** Plays a world; tells besides when the acceptor handed what over, and how many packets the session took. */
function observe(opener: Application, acceptor: Application, acquainted = false) {
  const replies: { readonly at: number; readonly bytes: number }[] = [];
  let packets = 0;
  const aftermath = simulate({
    opener,
    acceptor,
    acquainted,
    fate: () => [ROUND_TRIP_MS / 2],
    until: 1_000_000,
    watch: (direction, { payload, replySurbs }, at) => {
      packets +=
        direction === 'up'
          ? anonymousMessagePackets(payload.length, replySurbs)
          : replyPackets(payload.length);
      if (direction === 'down') replies.push({ at, bytes: payload.length });
    },
  });
  return { ...aftermath, replies, packets };
}

describe('an acceptor that has had nothing to say for a while', () => {
  it('has SURBs for the first thing that it says, and says it at once', () => {
    const late: Application = { writes: [bytes(500)], writeEveryMs: LATE_MS, readEveryMs: 0 };
    const { opener, acceptor, replies, repliesWithoutSurbs } = observe(silent, late);
    assert.deepEqual([opener.error, acceptor.error], [undefined, undefined]);
    assert.equal(repliesWithoutSurbs, 0);
    const opensAt = 10 + ROUND_TRIP_MS / 2;
    assert.ok(replies.some((reply) => reply.at === opensAt + LATE_MS && reply.bytes >= 500));
  });

  it('has one for a reset', () => {
    const resets = { ...silent, resetAtMs: LATE_MS };
    const { opener, repliesWithoutSurbs } = observe(silent, resets);
    assert.equal(repliesWithoutSurbs, 0);
    assert.deepEqual([opener.error?.by, opener.error?.code], ['peer', 'aborted']);
    assert.equal(opener.endedAt, LATE_MS + ROUND_TRIP_MS / 2);
  });
});

describe('a request that is answered at once', () => {
  it('takes five packets with its answer, the end of both and the leave', () => {
    const application: Application = { writes: [bytes(400)], writeEveryMs: 0, readEveryMs: 0 };
    const { packets, repliesWithoutSurbs } = observe(application, application);
    assert.equal(repliesWithoutSurbs, 0);
    assert.ok(packets <= 5, `${packets} packets`);
  });
});

describe('the greeting of an acceptor that has one SURB to use', () => {
  /** Has its whole request ready when it opens, and does not end for a while. */
  const pause = Array<Uint8Array>(1000).fill(bytes(0));
  const asks: Application = { writes: [bytes(400), ...pause], writeEveryMs: 5, readEveryMs: 0 };
  const askedAt = 5 + ROUND_TRIP_MS / 2;

  it('waits for the answer, which then takes no second round trip', () => {
    const answers: Application = { writes: [bytes(500)], writeEveryMs: 60, readEveryMs: 0 };
    const { replies, repliesWithoutSurbs } = observe(asks, answers);
    assert.equal(repliesWithoutSurbs, 0);
    assert.deepEqual([replies[0]?.at, (replies[0]?.bytes ?? 0) > 500], [askedAt + 60, true]);
  });

  it('waits no longer than it should', () => {
    assert.equal(observe(asks, silent).replies[0]?.at, askedAt + GREETING_HOLD_MS);
  });

  it('does not wait where nothing was asked', () => {
    const opens = OPEN_DELAY_MS + ROUND_TRIP_MS / 2;
    assert.equal(observe(silent, silent).replies[0]?.at, opens + ACK_DELAY_MS);
  });

  it('does not wait where there are more SURBs', () => {
    // A second message before the answer brings another.
    const goesOn: Application = {
      writes: [bytes(400), bytes(400), ...pause],
      writeEveryMs: 5,
      readEveryMs: 0,
    };
    const { replies } = observe(goesOn, silent, true);
    assert.equal(replies[0]?.at, askedAt + ACK_DELAY_MS);
  });
});
