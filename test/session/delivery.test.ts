import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';
import { v4 } from 'uuid';

import { INITIAL_WINDOW, MAX_LEGACY_BUFFER, MAX_SURBS_WANTED, MAX_WINDOW } from '../../src/session/limits.js';
import { PROXY_ENVELOPE, STREAM_ENVELOPE } from '../../src/session/envelope.js';
import { simulate, type Application, type Fate } from '../support/session-world.js';

const ENVELOPES = [PROXY_ENVELOPE, STREAM_ENVELOPE];

/** Every message takes as long. */
const fate = () => [80];

/** Every byte tells where it belongs. */
function stream(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, n) => (n * 31 + (n >> 8) * 17) & 0xff);
}

const applications: fc.Arbitrary<Application & { readonly stream: Uint8Array }> = fc
  .record({
    lengths: fc.array(fc.oneof(fc.nat(50), fc.nat(40_000)), { maxLength: 12 }),
    writeEveryMs: fc.nat(400),
    readEveryMs: fc.nat(60),
  })
  .map(({ lengths, writeEveryMs, readEveryMs }) => {
    const all = stream(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    const writes = lengths.map((length) => all.subarray(at, (at += length)));
    return { writes, writeEveryMs, readEveryMs, stream: all };
  });

/** Delays that reorder, and sometimes second copies. */
const faithful: fc.Arbitrary<Fate> = fc.oneof(
  fc.tuple(fc.integer({ min: 30, max: 300 })),
  fc.tuple(fc.integer({ min: 30, max: 3000 }), fc.integer({ min: 30, max: 3000 })),
);
const faithless: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 9, arbitrary: faithful },
  { weight: 1, arbitrary: fc.constant([]) },
);

function fates(of: fc.Arbitrary<Fate>) {
  return fc
    .record({
      up: fc.array(of, { minLength: 1, maxLength: 40 }),
      down: fc.array(of, { minLength: 1, maxLength: 40 }),
    })
    .map(
      (all) => (direction: 'up' | 'down', index: number) =>
        all[direction][index % all[direction].length] ?? [],
    );
}

describe('a session', () => {
  it('delivers both streams exactly and ends at both ends, over a mixnet that reorders and repeats', () => {
    fc.assert(
      fc.property(
        applications,
        applications,
        fates(faithful),
        fc.boolean(),
        (opener, acceptor, fate, startWithFrames) => {
          const ends = simulate({ opener, acceptor, fate, startWithFrames, until: 600_000 });
          assert.deepEqual(ends.acceptor.received, opener.stream);
          assert.deepEqual(ends.opener.received, acceptor.stream);
          assert.ok(ends.opener.sawEnd && ends.acceptor.sawEnd);
          assert.deepEqual(ends.opener.engine?.outcome, { kind: 'done' });
          assert.deepEqual(ends.acceptor.engine?.outcome, { kind: 'done' });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never shows an end of stream, or a byte, that is not the right one, over a mixnet that also loses', () => {
    fc.assert(
      fc.property(applications, applications, fates(faithless), (opener, acceptor, fate) => {
        // Whoever loses two of three messages for good gets on by one in a minute, and is not given up.
        const ends = simulate({ opener, acceptor, fate, until: 7_200_000 });
        for (const [end, sent] of [
          [ends.acceptor, opener.stream],
          [ends.opener, acceptor.stream],
        ] as const) {
          assert.deepEqual(end.received, sent.subarray(0, end.received.length));
          if (end.sawEnd) assert.equal(end.received.length, sent.length);
        }
        assert.ok(ends.opener.engine?.outcome !== undefined || ends.opener.engine?.deadline === undefined);
      }),
      { numRuns: 300 },
    );
  });

  it('delivers what a Rust client sends, and never its own bytes out of order', () => {
    fc.assert(
      fc.property(applications, fates(faithful), (acceptor, fate) => {
        const opener: Application = { writes: [], writeEveryMs: 1, readEveryMs: 1 };
        const ends = simulate({ opener, acceptor, fate, sessionId: v4(), until: 600_000 });
        assert.deepEqual(ends.opener.received, acceptor.stream);
        assert.equal(ends.opener.engine?.mode, 'legacy');
      }),
      { numRuns: 100 },
    );
  });

  it('keeps the order of plain messages when their ids wrap at 65,536', () => {
    const bytes = stream(66_000);
    const drip: Application = {
      writes: Array.from(bytes, (byte) => Uint8Array.of(byte)),
      writeEveryMs: 25,
      readEveryMs: 0,
    };
    const silent: Application = { writes: [stream(1)], writeEveryMs: 2_000_000, readEveryMs: 0 };
    const ends = simulate({
      opener: silent,
      acceptor: drip,
      fate: (_, index) => (index % 3 === 0 ? [90, 140] : [30 + (index % 5) * 20]),
      sessionId: v4(),
      until: 1_999_000,
    });
    assert.ok(ends.acceptor.messages > 65_536, `${ends.acceptor.messages} messages`);
    assert.deepEqual(ends.opener.received, bytes);
  });

  it('asks with one packet for a short answer, and answers with one', () => {
    const request: Application = { writes: [stream(90)], writeEveryMs: 1, readEveryMs: 0 };
    const answer: Application = { writes: [stream(1000)], writeEveryMs: 5, readEveryMs: 0 };
    const ends = simulate({ opener: request, acceptor: answer, fate: () => [60], until: 600_000 });
    assert.deepEqual(ends.opener.received, stream(1000));
    assert.ok(ends.opener.messages <= 3, `${ends.opener.messages} messages up`);
    // The answer, its end, and that it was heard that all has arrived.
    assert.ok(ends.acceptor.messages <= 3, `${ends.acceptor.messages} messages down`);
    assert.ok(ends.surbs <= 10, `${ends.surbs} SURBs`);
  });

  it('gives an acceptor the SURBs that a download needs, and hardly more', () => {
    const request: Application = { writes: [stream(90)], writeEveryMs: 1, readEveryMs: 0 };
    const bytes = stream(600_000);
    const writes = Array.from({ length: 75 }, (_, n) => bytes.subarray(8000 * n, 8000 * (n + 1)));
    const cases = ENVELOPES.flatMap((envelope) => [0, 100, 400].map((ms) => [envelope, ms] as const));
    for (const [envelope, writeEveryMs] of cases) {
      const answer: Application = { writes, writeEveryMs, readEveryMs: 0 };
      const ends = simulate({ envelope, opener: request, acceptor: answer, fate, until: 600_000 });
      assert.deepEqual(ends.opener.received, bytes);
      assert.equal(ends.repliesWithoutSurbs, 0);
      // Who has it all at once asks for as many as may be, up to the end.
      const surplus = writeEveryMs === 0 ? MAX_SURBS_WANTED : 0.1 * ends.surbsSpent + 12;
      assert.ok(ends.surbs <= ends.surbsSpent + surplus, `${ends.surbs} for ${ends.surbsSpent}`);
    }
  });

  it('gives an acceptor few SURBs for an upload', () => {
    const upload: Application = { writes: [stream(600_000)], writeEveryMs: 0, readEveryMs: 0 };
    const answer: Application = { writes: [], writeEveryMs: 0, readEveryMs: 0 };
    for (const envelope of ENVELOPES) {
      const ends = simulate({ envelope, opener: upload, acceptor: answer, fate, until: 600_000 });
      assert.deepEqual(ends.acceptor.received, stream(600_000));
      // Those that a stream begins with are fewer: an early acknowledgement may have to wait.
      assert.ok(ends.repliesWithoutSurbs <= (envelope === PROXY_ENVELOPE ? 0 : 1));
      assert.ok(ends.surbs <= ends.surbsSpent + 12, `${ends.surbs} for ${ends.surbsSpent}`);
    }
  });

  it('holds no more than its window for a reader that does not read', () => {
    const flood: Application = { writes: [stream(3_000_000)], writeEveryMs: 0, readEveryMs: 0 };
    const asleep: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0, readFromMs: 200_000 };
    const ends = simulate({ opener: flood, acceptor: asleep, fate: () => [60], until: 400_000 });
    assert.ok(ends.acceptor.mostUnread <= MAX_WINDOW);
    assert.deepEqual(ends.acceptor.received, stream(3_000_000));
  });

  it('sends an unknown peer no more than the initial window before it answers', () => {
    const flood: Application = { writes: [stream(3_000_000)], writeEveryMs: 0, readEveryMs: 0 };
    const quiet: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0 };
    let sent = 0;
    simulate({
      opener: flood,
      acceptor: quiet,
      fate: (direction, index) => {
        if (direction === 'up') sent = index + 1;
        return [];
      },
      until: 4000,
    });
    assert.ok(sent <= Math.ceil(INITIAL_WINDOW / 5000));
  });

  it('resets a peer without windows that sends more than may be held', () => {
    const flood: Application = { writes: [stream(2 * MAX_LEGACY_BUFFER)], writeEveryMs: 0, readEveryMs: 0 };
    const asleep: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0, readFromMs: 200_000 };
    const ends = simulate({
      opener: flood,
      acceptor: asleep,
      fate: () => [60],
      sessionId: v4(),
      until: 400_000,
    });
    assert.equal(ends.acceptor.error?.code, 'limit');
    assert.ok(ends.acceptor.mostUnread <= MAX_LEGACY_BUFFER + 20_000);
  });

  it('leaves a slow reader all the time it needs, once everything has arrived', () => {
    const upload: Application = { writes: [stream(40_000)], writeEveryMs: 1, readEveryMs: 0 };
    const slow: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0, readFromMs: 300_000 };
    const ends = simulate({ opener: upload, acceptor: slow, fate: () => [60], until: 600_000 });
    assert.deepEqual(ends.acceptor.received, stream(40_000));
    assert.ok(ends.acceptor.sawEnd);
    assert.deepEqual(ends.acceptor.engine?.outcome, { kind: 'done' });
  });

  it('sends a peer whose answer is late no more than it can hold', () => {
    const flood: Application = { writes: [stream(3_000_000)], writeEveryMs: 0, readEveryMs: 0 };
    const slow: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0, readFromMs: 20_000 };
    const fate = (direction: 'up' | 'down') => (direction === 'up' ? [60] : [12_000]);
    const ends = simulate({ opener: flood, acceptor: slow, fate, until: 900_000 });
    assert.equal(ends.acceptor.error, undefined);
    assert.deepEqual(ends.acceptor.received, stream(3_000_000));
  });

  it('takes silence for the end of a Rust peer, but not if a message is missing', () => {
    const writes = [stream(5), stream(5), stream(5)];
    const client: Application = { writes, writeEveryMs: 100, readEveryMs: 0 };
    const server: Application = { writes: [stream(9)], writeEveryMs: 100, readEveryMs: 0 };
    const losing = (lost: number | undefined) =>
      simulate({
        opener: { ...client, writeEveryMs: 1000 },
        acceptor: server,
        fate: (direction, index) => (direction === 'up' && index === lost ? [] : [60]),
        sessionId: v4(),
        until: 600_000,
      });
    assert.deepEqual(losing(undefined).acceptor.engine?.outcome, { kind: 'done' });
    const { acceptor } = losing(1);
    assert.equal(acceptor.error?.code, 'timeout');
    assert.ok(!acceptor.sawEnd);
  });

  it('gives up on a peer that never answers', () => {
    const request: Application = { writes: [stream(90)], writeEveryMs: 1, readEveryMs: 0 };
    const ends = simulate({ opener: request, acceptor: request, fate: () => [], until: 600_000 });
    assert.equal(ends.opener.error?.code, 'timeout');
  });
});
