import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { PROXY_ENVELOPE, STREAM_ENVELOPE, type Envelope } from '../../src/session/envelope.js';
import { OpenerRouting } from '../../src/session/opener-routing.js';
import { simulate, type Application, type World } from '../support/session-world.js';

const stream = (length: number) => Uint8Array.from({ length }, (_, n) => (n * 31 + (n >> 8) * 17) & 0xff);

const silent: Application = { writes: [], writeEveryMs: 1, readEveryMs: 0 };

/** Bytes as they come out of an application that makes 80 kB/s, the rate of default traffic. */
function bulk(bytes: number): Application {
  const all = stream(bytes);
  const writes = Array.from({ length: Math.ceil(bytes / 8000) }, (_, n) =>
    all.subarray(n * 8000, (n + 1) * 8000),
  );
  return { writes, writeEveryMs: 100, readEveryMs: 0 };
}

/** Loses the messages of one direction that `lost` names. */
const losing =
  (way: 'up' | 'down', lost: (index: number) => boolean): World['fate'] =>
  (direction, index) =>
    direction === way && lost(index) ? [] : [100];

/** Plays a world; tells how many bytes were carried in DATA frames. */
function carried(world: World) {
  let bytes = 0;
  const result = simulate({
    ...world,
    watch: (_, { payload }) => {
      const message = (world.envelope ?? PROXY_ENVELOPE).decode(payload);
      if (message.kind !== 'frames') return;
      for (const frame of message.frames) if (frame.type === 'data') bytes += frame.bytes.length;
    },
  });
  return { ...result, bytes };
}

describe('messages that are lost for good', () => {
  const bytes = 1_000_000;

  for (const way of ['up', 'down'] as const) {
    for (const [name, lost] of Object.entries({
      one: (index: number) => index === 60,
      'three apart': (index: number) => index === 60 || index === 75 || index === 90,
      'five in a row': (index: number) => index >= 60 && index < 65,
    })) {
      it(`are sent again, and nothing else is: ${name}, ${way}`, () => {
        const result = carried({
          opener: way === 'up' ? bulk(bytes) : silent,
          acceptor: way === 'down' ? bulk(bytes) : silent,
          fate: losing(way, lost),
          until: 600_000,
        });
        const [sender, receiver] =
          way === 'up' ? [result.opener, result.acceptor] : [result.acceptor, result.opener];
        assert.deepEqual(receiver.received, stream(bytes));
        assert.deepEqual(sender.engine?.outcome, { kind: 'done' });
        // Six kilobytes were in each.
        const again = result.bytes - bytes;
        assert.ok(again <= 5 * 6500, `${again} bytes were sent again`);
        // 12.5 s of transfer; the gap is noticed within an acknowledgement's wait and the floor of the timer.
        assert.ok((receiver.endedAt ?? Infinity) < 24_000, `ended at ${receiver.endedAt}`);
      });
    }
  }

  it('do not reset a session that writes little and often', () => {
    const all = stream(30_000);
    const drip: Application = {
      writes: Array.from({ length: 3000 }, (_, n) => all.subarray(n * 10, n * 10 + 10)),
      writeEveryMs: 5,
      readEveryMs: 0,
    };
    for (const [opener, acceptor, way] of [
      [drip, silent, 'up'],
      [silent, drip, 'down'],
    ] as const) {
      const result = simulate({
        opener,
        acceptor,
        fate: losing(way, (index) => index === 50),
        until: 600_000,
      });
      const { received, error } = way === 'up' ? result.acceptor : result.opener;
      assert.equal(error, undefined);
      assert.deepEqual(received, all);
    }
  });
});

describe('sessions that follow each other to one recipient', () => {
  for (const [name, envelope] of [
    ['streams', STREAM_ENVELOPE],
    ['connections', PROXY_ENVELOPE],
  ] as const) {
    it(`are as fast as the first: ${name}`, () => {
      const [ask, answer]: Application[] = [
        { writes: [stream(50)], writeEveryMs: 1, readEveryMs: 0 },
        bulk(200_000),
      ];
      assert.ok(ask && answer);
      const opensAt = [20_000, 40_000, 60_000, 80_000];
      const result = simulate({
        envelope,
        opener: ask,
        acceptor: answer,
        others: opensAt.map((at) => ({ opener: ask, acceptor: answer, recipient: 0, opensAt: at })),
        fate: () => [100],
        until: 600_000,
      });
      const took = [result, ...result.others].map(
        ({ opener }, n) => (opener.endedAt ?? Infinity) - (n === 0 ? 0 : (opensAt[n - 1] ?? 0)),
      );
      const [first = 0] = took;
      for (const ms of took) assert.ok(ms <= 1.2 * first, `in ms: ${took.join()}`);
      assert.equal(result.repliesWithoutSurbs, 0);
    });
  }

  it('count the SURBs of a thousand recipients, and decode a message once for all', () => {
    let decoded = 0;
    const envelope: Envelope = {
      ...PROXY_ENVELOPE,
      decode: (bytes) => {
        decoded += 1;
        return PROXY_ENVELOPE.decode(bytes);
      },
    };
    const routing = new OpenerRouting({ envelope });
    const engines = Array.from({ length: 1000 }, (_, n) => routing.open(`recipient ${n}`, false, 0));
    const [, engine] = engines;
    assert.ok(engine);
    const answer = PROXY_ENVELOPE.encode({
      sessionId: engine.id,
      messageId: 0,
      kind: 'frames',
      frames: [{ type: 'opened', version: 1, window: 100_000 }],
    });
    assert.equal(routing.receive(answer, 10), engine);
    assert.equal(decoded, 1);
    assert.equal(engine.mode, 'frames');
  });
});
