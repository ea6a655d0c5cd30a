import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { anonymousMessagePackets, replyPackets } from '../../src/wire/packet-count.js';
import { simulate, type Application } from '../support/session-world.js';

const ROUND_TRIP_MS = 200;

const bytes = (length: number) => new Uint8Array(length).fill(65);

const LATE_MS = 2000;

/** Opens at once and says nothing, for longer than the other end waits. */
const silent: Application = { writes: [], writeEveryMs: 10 * LATE_MS, readEveryMs: 0 };

/** Plays a world; tells besides when the acceptor handed what over, and how many packets the session took. */
function observe(opener: Application, acceptor: Application) {
  const replies: { readonly at: number; readonly bytes: number }[] = [];
  let packets = 0;
  const aftermath = simulate({
    opener,
    acceptor,
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
