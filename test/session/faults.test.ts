import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  ACCEPTOR_SILENCE_MS,
  ANSWER_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  MAX_WINDOW,
  PROBE_AFTER_MS,
  ROUTE_LIMIT_MS,
} from '../../src/session/limits.js';
import { decodeFrames, type Frame } from '../../src/wire/frame.js';
import { anonymousMessagePackets, replyPackets } from '../../src/wire/packet-count.js';
import { decodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { simulate, type Application, type ClientFault, type World } from '../support/session-world.js';

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

/** An application that says one thing and then nothing for so long. */
function idle(forMs: number): Application {
  return { writes: [stream(100)], writeEveryMs: forMs, readEveryMs: 0 };
}

const clientFault = (fault: Partial<ClientFault>): ClientFault => ({
  kind: 'client',
  end: 'opener',
  at: 5000,
  heldMs: 500,
  noticedAfterMs: 100,
  absentMs: 1000,
  stored: false,
  ...fault,
});

const ROUND_TRIP_MS = 200;

const steady = { fate: () => [ROUND_TRIP_MS / 2], until: 10_000_000 };

interface Sent {
  readonly direction: 'up' | 'down';
  readonly at: number;
  readonly packets: number;
  readonly frames: readonly Frame[];
}

/** Plays a world, and tells what was sent in it. */
function observe(world: World) {
  const sent: Sent[] = [];
  const aftermath = simulate({
    ...world,
    watch: (direction, { payload, replySurbs }, at) => {
      const { kind, body } = decodeProxiedMessage(payload);
      const up = direction === 'up';
      sent.push({
        direction,
        at,
        packets: up ? anonymousMessagePackets(payload.length, replySurbs) : replyPackets(payload.length),
        frames: kind === 'frames' ? decodeFrames(body) : [],
      });
    },
  });
  return { ...aftermath, sent };
}

const packets = (sent: readonly Sent[]) => sent.reduce((sum, message) => sum + message.packets, 0);

const carriesStream = ({ frames }: Sent) => frames.some(({ type }) => type === 'data' || type === 'fin');

describe('acknowledgements', () => {
  for (const [name, applications] of Object.entries({
    'an upload': { opener: bulk(3_000_000), acceptor: silent },
    'a download': { opener: silent, acceptor: bulk(3_000_000) },
    'both at once': { opener: bulk(3_000_000), acceptor: bulk(3_000_000) },
  })) {
    it(`take at most 5 % of the packets of ${name}`, () => {
      const { opener, acceptor, sent } = observe({ ...steady, ...applications });
      assert.deepEqual(
        [opener.engine?.outcome, acceptor.engine?.outcome],
        [{ kind: 'done' }, { kind: 'done' }],
      );
      // Messages of one packet without data; those that bring SURBs for a download are longer.
      const bare = sent.filter(
        (message) => message.frames.length > 0 && !carriesStream(message) && message.packets === 1,
      );
      const share = packets(bare) / packets(sent);
      assert.ok(share <= 0.05, `${(100 * share).toFixed(1)} %`);
    });
  }

  it('let the sender forget what it sent, soon after a pause begins', () => {
    const opener: Application = { writes: [stream(3000), stream(1)], writeEveryMs: 100_000, readEveryMs: 0 };
    const { sent } = observe({ ...steady, opener, acceptor: silent });
    const data = sent.find(({ direction, at }) => direction === 'up' && at === 100_000);
    const ack = sent.find(
      ({ direction, at, frames }) =>
        direction === 'down' &&
        at > 100_000 &&
        frames.some((frame) => frame.type === 'ack' && frame.offset >= 3000),
    );
    assert.ok(data && ack && ack.at <= 100_000 + 2000, `acknowledged at ${ack?.at}`);
  });
});

describe('an idle session', () => {
  it('costs two packets a minute, and lasts', () => {
    const minutes = 30;
    const { opener, acceptor, sent } = observe({
      ...steady,
      opener: idle(minutes * 60_000),
      acceptor: idle(minutes * 60_000),
    });
    assert.deepEqual(
      [opener.engine?.outcome, acceptor.engine?.outcome],
      [{ kind: 'done' }, { kind: 'done' }],
    );
    assert.ok(opener.received.length === 100 && acceptor.received.length === 100);
    for (let minute = 1; minute < minutes; minute += 1) {
      const within = sent.filter(({ at }) => at >= minute * 60_000 && at < (minute + 1) * 60_000);
      assert.ok(packets(within) <= 2, `${packets(within)} packets in minute ${minute}`);
    }
  });

  it('ends at both ends within a stated time when the acceptor dies', () => {
    const at = 100_000;
    const dies = clientFault({ end: 'acceptor', at, absentMs: Infinity });
    const { opener, acceptor } = observe({
      ...steady,
      opener: idle(2_000_000),
      acceptor: idle(2_000_000),
      faults: [dies],
    });
    assert.equal(opener.error?.code, 'timeout');
    assert.ok((opener.endedAt ?? Infinity) <= at + KEEP_ALIVE_MS + ANSWER_TIMEOUT_MS + 1);
    assert.equal(acceptor.error?.code, 'lost');
    assert.ok((acceptor.endedAt ?? Infinity) <= at + ACCEPTOR_SILENCE_MS + 1);
  });

  it('ends at both ends within a stated time when the opener finds no other client', () => {
    const at = 100_000;
    const { opener, acceptor } = observe({
      ...steady,
      opener: idle(2_000_000),
      acceptor: idle(2_000_000),
      faults: [clientFault({ at, absentMs: Infinity })],
    });
    assert.equal(opener.error?.code, 'lost');
    assert.ok((opener.endedAt ?? Infinity) <= at + 100 + ROUTE_LIMIT_MS + 1);
    assert.equal(acceptor.error?.code, 'timeout');
    assert.ok((acceptor.endedAt ?? Infinity) <= at + ACCEPTOR_SILENCE_MS + 1);
  });

  it('goes on after the machine of its opener slept and found another client', () => {
    const { opener, acceptor } = observe({
      ...steady,
      opener: idle(400_000),
      acceptor: idle(400_000),
      faults: [
        { kind: 'sleep', end: 'opener', at: 90_000, forMs: 100_000 },
        clientFault({ at: 95_000, noticedAfterMs: 0, absentMs: 3000 }),
      ],
    });
    assert.deepEqual(
      [opener.engine?.outcome, acceptor.engine?.outcome],
      [{ kind: 'done' }, { kind: 'done' }],
    );
  });
});

describe('a transfer whose client dies', () => {
  const bytes = 2_000_000;
  /** How long it takes without any fault. */
  const undisturbedMs = (bytes / 8000) * 100 + 5 * ROUND_TRIP_MS;

  /** In the middle, and when the last bytes are under way: nothing that follows shows that they are missing. */
  const moments = { 'in the middle': 10_000, 'at the end': 24_800 };

  for (const [when, at] of Object.entries(moments)) {
    for (const end of ['opener', 'acceptor'] as const) {
      for (const way of ['upload', 'download'] as const) {
        it(`at the ${end} goes on where it was, soon after there is another (${way}, ${when})`, () => {
          const fault = clientFault({ end, at, absentMs: 1000 });
          const { opener, acceptor, sent } = observe({
            ...steady,
            opener: way === 'upload' ? bulk(bytes) : silent,
            acceptor: way === 'download' ? bulk(bytes) : silent,
            faults: [fault],
          });
          assert.deepEqual(
            [opener.engine?.outcome, acceptor.engine?.outcome],
            [{ kind: 'done' }, { kind: 'done' }],
          );
          assert.deepEqual(way === 'upload' ? acceptor.received : opener.received, stream(bytes));
          // An opener comes by itself; an acceptor is asked once it has been silent for a while.
          const pauseMs = fault.noticedAfterMs + fault.absentMs + (end === 'acceptor' ? PROBE_AFTER_MS : 0);
          const tookMs = Math.max(opener.endedAt ?? Infinity, acceptor.endedAt ?? Infinity);
          assert.ok(tookMs <= undisturbedMs + pauseMs + 10 * ROUND_TRIP_MS, `it took ${tookMs} ms`);
          const carried = sent
            .flatMap(({ frames }) => frames)
            .reduce((sum, frame) => sum + (frame.type === 'data' ? frame.bytes.length : 0), 0);
          assert.ok(carried <= bytes + MAX_WINDOW, `${carried - bytes} bytes were sent twice`);
          assert.ok(Math.max(opener.mostUnacknowledged, acceptor.mostUnacknowledged) <= MAX_WINDOW);
        });
      }
    }
  }
});
