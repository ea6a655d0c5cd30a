import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';

import fc from 'fast-check';

import { SessionError } from '../../src/session/errors.js';
import { MultiLaneConnection } from '../../src/lanes/multi-lane-connection.js';
import { encodeLaneRecord, type LaneRecord } from '../../src/wire/lane-record.js';
import { lanePair, type TestLane } from './lane-pair.js';

const TIME_LIMIT = { timeout: 30_000 };
const ADDRESS = '1'.repeat(32) + '.' + '1'.repeat(32) + '@' + '1'.repeat(32);

const soon = () => Promise.resolve();

/** Both ends of a connection of one lane, and what adds others. */
function pair(delay: (lane: number) => () => Promise<void> = () => soon) {
  const [atOpener, atAcceptor] = lanePair(delay(0));
  const welcomes: (readonly string[])[] = [];
  const opener = new MultiLaneConnection(atOpener, {
    onWelcome: (addresses) => void welcomes.push(addresses),
  });
  const acceptor = new MultiLaneConnection(atAcceptor, { addresses: [ADDRESS] });
  const join = (number: number): readonly [TestLane, TestLane] => {
    const [here, there] = lanePair(delay(number));
    acceptor.add(number, there);
    opener.add(number, here);
    return [here, there];
  };
  return { opener, acceptor, welcomes, join, first: atOpener };
}

async function write(connection: MultiLaneConnection, chunks: readonly Uint8Array[]): Promise<void> {
  const writer = connection.writable.getWriter();
  for (const chunk of chunks) await writer.write(chunk);
  await writer.close();
}

/** Sends bytes to the acceptor and ends the connection. */
async function assertCarries(
  opener: MultiLaneConnection,
  acceptor: MultiLaneConnection,
  length: number,
): Promise<void> {
  const bytes = randomBytes(length);
  const [read] = await Promise.all([
    buffer(acceptor.readable),
    write(opener, [bytes]),
    write(acceptor, []),
    buffer(opener.readable),
  ]);
  assert.ok(read.equals(bytes));
}

/** Puts records on a lane as a peer that does as it likes. */
async function say(lane: TestLane, ...records: LaneRecord[]): Promise<void> {
  const writer = lane.writable.getWriter();
  for (const record of records) await writer.write(encodeLaneRecord(record));
  writer.releaseLock();
}

describe('a connection over several lanes', TIME_LIMIT, () => {
  it('delivers every byte in order, both ways, whatever the lanes are and whenever they join', async () => {
    const turns = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 });
    const chunks = fc.array(fc.integer({ min: 0, max: 50_000 }), { maxLength: 8 });
    const schedule = fc.record({
      lanes: fc.array(turns, { minLength: 1, maxLength: 5 }),
      joins: fc.array(fc.nat(10), { minLength: 4, maxLength: 4 }),
      up: chunks,
      down: chunks,
    });
    await fc.assert(
      fc.asyncProperty(schedule, async ({ lanes, joins, up, down }) => {
        const { opener, acceptor, join } = pair((lane) => delaysOf(lanes[lane] ?? [0]));
        const sent = { up: up.map((n) => randomBytes(n)), down: down.map((n) => randomBytes(n)) };
        const joining = lanes.slice(1).map(async (_, index) => {
          for (let n = joins[index] ?? 0; n > 0; n -= 1) await setImmediate();
          join(index + 1);
        });
        const [there, here] = await Promise.all([
          buffer(acceptor.readable),
          buffer(opener.readable),
          write(opener, sent.up),
          write(acceptor, sent.down),
          ...joining,
        ]);
        assert.ok(there.equals(Buffer.concat(sent.up)));
        assert.ok(here.equals(Buffer.concat(sent.down)));
        await Promise.all([opener.closed, acceptor.closed]);
        assert.equal(opener.stats().bytesSent, there.length);
        assert.equal(opener.stats().bytesReceived, here.length);
      }),
      { numRuns: 200 },
    );
  });

  it('tells the opener of the acceptor’s addresses, once', async () => {
    const { opener, acceptor, welcomes } = pair();
    await Promise.all([
      write(opener, []),
      write(acceptor, []),
      buffer(opener.readable),
      buffer(acceptor.readable),
    ]);
    assert.deepEqual(welcomes, [[ADDRESS]]);
  });

  it('uses every lane that has room, and the first one alone for what is little', async () => {
    const { opener, acceptor, join } = pair();
    const lanes = [join(1), join(2), join(3)];
    await setTimeout(5);
    const writer = opener.writable.getWriter();
    const reader = acceptor.readable.getReader();
    await writer.write(randomBytes(10));
    await reader.read();
    assert.equal(opener.stats().bytesSent, 10);
    assert.ok(lanes.every(([here]) => here.written === 0));
    writer.releaseLock();
    reader.releaseLock();
    await assertCarries(opener, acceptor, 300_000);
    assert.ok(lanes.every(([here]) => here.written > 0));
  });

  it('holds the writer back when nobody reads', async () => {
    const { opener, join } = pair();
    join(1);
    let written = 0;
    const writer = opener.writable.getWriter();
    const writing = (async () => {
      for (;;) {
        await writer.write(randomBytes(16_384));
        written += 1;
      }
    })();
    writing.catch(() => undefined);
    await setTimeout(50);
    const before = written;
    await setTimeout(50);
    assert.equal(written, before);
    assert.ok(opener.stats().bytesBuffered <= 16_384);
    opener.reset(new SessionError('aborted', 'us'));
    await assert.rejects(writing, { code: 'aborted' });
  });

  it('is reset on all lanes when one is that has carried something', async () => {
    const { opener, acceptor, join, first } = pair();
    const [here] = join(1);
    await setTimeout(5);
    // Nobody reads, so both lanes are full.
    const writing = write(opener, [randomBytes(2_000_000)]);
    writing.catch(() => undefined);
    await setTimeout(5);
    const reading = buffer(acceptor.readable);
    reading.catch(() => undefined);
    here.reset(new SessionError('timeout', 'us'));
    await assert.rejects(opener.closed, { code: 'timeout' });
    await assert.rejects(acceptor.closed, { code: 'timeout', by: 'peer' });
    await assert.rejects(writing);
    await assert.rejects(reading);
    assert.equal(first.resetWith?.code, 'timeout');
  });

  it('does without a lane that leads nowhere', async () => {
    const { opener, acceptor } = pair();
    const [here] = lanePair(soon);
    opener.add(1, here);
    await setTimeout(5);
    here.reset(new SessionError('timeout', 'us'));
    await assertCarries(opener, acceptor, 100_000);
    await Promise.all([opener.closed, acceptor.closed]);
  });

  it('does not wait at its end for a lane that the peer never answered', async () => {
    const { opener, acceptor } = pair();
    const [here] = lanePair(soon);
    opener.add(1, here);
    await Promise.all([
      buffer(acceptor.readable),
      write(opener, []),
      write(acceptor, []),
      buffer(opener.readable),
    ]);
    await Promise.all([opener.closed, acceptor.closed]);
    assert.equal(here.resetWith?.code, 'aborted');
  });

  it('resets lanes that come twice, or too late', async () => {
    const { opener, acceptor, join } = pair();
    join(1);
    const [again] = lanePair(soon);
    opener.add(1, again);
    assert.equal(again.resetWith?.code, 'gone');
    opener.reset(new SessionError('aborted', 'us'));
    await assert.rejects(acceptor.closed, { code: 'aborted', by: 'peer' });
    const [late] = lanePair(soon);
    acceptor.add(2, late);
    assert.equal(late.resetWith?.code, 'aborted');
  });

  const data = (offset: number, length: number): LaneRecord => ({
    type: 'data',
    offset,
    bytes: new Uint8Array(length),
  });
  for (const [what, on0, on1] of [
    ['ends before what it has sent', [data(0, 10), { type: 'end', offset: 4 }], []],
    ['goes on behind the end', [{ type: 'end', offset: 14 }], [data(14, 1)]],
    ['ends in two places', [{ type: 'end', offset: 20 }], [{ type: 'end', offset: 21 }]],
    ['says ACK as a peer that sends none', [{ type: 'ack', offset: 0, limit: 0 }], []],
    ['says WELCOME as an opener', [{ type: 'welcome', addresses: [] }], []],
  ] as const satisfies readonly (readonly [string, readonly LaneRecord[], readonly LaneRecord[]])[]) {
    it(`is reset when the peer ${what}`, async () => {
      const [peer0, first] = lanePair(soon);
      const [peer1, second] = lanePair(soon);
      const acceptor = new MultiLaneConnection(first, { addresses: [] });
      acceptor.add(1, second);
      const reading = buffer(acceptor.readable);
      reading.catch(() => undefined);
      void say(peer0, ...on0).catch(() => undefined);
      void say(peer1, ...on1).catch(() => undefined);
      await assert.rejects(acceptor.closed, { code: 'protocol', by: 'us' });
      await assert.rejects(reading, { code: 'protocol' });
    });
  }

  it('is reset when the lanes end before it does, or within a record', async () => {
    for (const last of [[], [0, 0, 5, 1]]) {
      const [peer, first] = lanePair(soon);
      const acceptor = new MultiLaneConnection(first, { addresses: [] });
      void buffer(acceptor.readable).catch(() => undefined);
      void write(acceptor, []).catch(() => undefined);
      void buffer(peer.readable).catch(() => undefined);
      const writer = peer.writable.getWriter();
      await writer.write(Uint8Array.from([...last]));
      await writer.close();
      await assert.rejects(acceptor.closed, { code: 'protocol', by: 'us' });
    }
  });
});

/** Some turns of the event loop for each chunk, in turn. */
function delaysOf(turns: readonly number[]): () => Promise<void> {
  let at = 0;
  return async () => {
    for (let n = turns[at++ % turns.length] ?? 0; n > 0; n -= 1) await setImmediate();
  };
}
