import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import fc from 'fast-check';

import { MultiLaneConnection } from '../../src/lanes/multi-lane-connection.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { encodeLaneRecord, FIRST_LIMIT, type LaneRecord } from '../../src/wire/lane-record.js';
import { lanePair, type TestLane } from './lane-pair.js';

const TIME_LIMIT = { timeout: 60_000 };
const VERSION = 2;

/** What one connection may hold at one end beside what its lanes hold: a window each way. */
const MOST_HELD = 4 * 1024 * 1024;

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await setImmediate();
}

type Delay = () => Promise<void>;
type LaneEnds = readonly [TestLane, TestLane];

/** Both ends of a connection between peers that acknowledge, and its lanes. */
class World {
  readonly opener: MultiLaneConnection;
  readonly acceptor: MultiLaneConnection;
  readonly lanes = new Map<number, LaneEnds>();
  readonly lost: number[] = [];
  now = 0;
  /** Turns after which a lane is opened for one that was lost; never unless given. */
  redialTurns: number | undefined;
  readonly #delay: (lane: number) => Delay;

  constructor(delay: (lane: number) => Delay = () => () => Promise.resolve()) {
    this.#delay = delay;
    const first = lanePair(delay(0), VERSION);
    this.lanes.set(0, first);
    const now = () => this.now;
    this.opener = new MultiLaneConnection(first[0], { now, onLaneLost: (number) => this.#lost(number) });
    this.acceptor = new MultiLaneConnection(first[1], { now, addresses: [] });
  }

  join(number: number): LaneEnds {
    const ends = lanePair(this.#delay(number), VERSION);
    this.lanes.set(number, ends);
    this.acceptor.add(number, ends[1]);
    this.opener.add(number, ends[0]);
    return ends;
  }

  lane(number: number): LaneEnds {
    const ends = this.lanes.get(number);
    assert.ok(ends);
    return ends;
  }

  /** Both ends look at their lanes, `ms` later. */
  async later(ms: number): Promise<void> {
    this.now += ms;
    this.opener.check();
    this.acceptor.check();
    await turns(5);
  }

  #lost(number: number): void {
    this.lost.push(number);
    if (this.redialTurns === undefined) return;
    void turns(this.redialTurns).then(() => this.join(number === 0 ? 15 : number));
  }
}

async function write(connection: MultiLaneConnection, chunks: readonly Uint8Array[]): Promise<void> {
  const writer = connection.writable.getWriter();
  for (const chunk of chunks) {
    // The chunk is the writer's again once it is written.
    const own = new Uint8Array(chunk);
    await writer.write(own);
    own.fill(0);
  }
  await writer.close();
}

/** Everything that came before the end, or before the error. */
async function readAll(connection: MultiLaneConnection, pause: Delay) {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of connection.readable as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk.slice());
      await pause();
    }
    return { bytes: Buffer.concat(chunks), error: undefined };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error };
  }
}

const failure = (code: SessionErrorCode) => new SessionError(code, 'us');

describe('a connection that loses lanes', TIME_LIMIT, () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => mock.timers.reset());

  const chunks = fc.array(fc.integer({ min: 0, max: 80_000 }), { maxLength: 8 });
  const pauses = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 });
  const losses = fc.array(
    fc.record({
      lane: fc.nat(4),
      at: fc.nat(60),
      end: fc.nat(1),
      code: fc.constantFrom<SessionErrorCode>('timeout', 'gone', 'lost'),
    }),
    { maxLength: 10 },
  );
  const schedule = fc.record({
    lanes: fc.array(pauses, { minLength: 2, maxLength: 5 }),
    redialTurns: fc.option(fc.nat(10), { nil: undefined }),
    losses,
    reading: fc.tuple(pauses, pauses),
    up: chunks,
    down: chunks,
  });

  it('delivers every byte in order, both ways, or is reset, whichever lanes are lost at either end, and when', async () => {
    const outcomes = { delivered: 0, reset: 0, lost: 0 };
    await fc.assert(
      fc.asyncProperty(schedule, async ({ lanes, redialTurns, losses, reading, up, down }) => {
        const world = new World((lane) => delaysOf(lanes[lane % lanes.length] ?? [0]));
        const { opener, acceptor } = world;
        world.redialTurns = redialTurns;
        await turns(5);
        for (let number = 1; number < lanes.length; number += 1) world.join(number);
        const sent = { up: up.map((n) => randomBytes(n)), down: down.map((n) => randomBytes(n)) };
        const losing = losses.map(async ({ lane, at, end, code }) => {
          await turns(at);
          world.lanes.get(lane)?.[end]?.reset(failure(code));
        });
        const writing = [write(opener, sent.up), write(acceptor, sent.down)];
        for (const one of writing) one.catch(() => undefined);
        const looking = (async () => {
          for (let n = 0; n < 400; n += 1) {
            await turns(3);
            await world.later(500);
          }
        })();
        const [there, here] = await Promise.all([
          readAll(acceptor, delaysOf(reading[0])),
          readAll(opener, delaysOf(reading[1])),
          ...losing,
        ]);
        const wholes = [Buffer.concat(sent.up), Buffer.concat(sent.down)] as const;
        for (const [read, whole] of [
          [there, wholes[0]],
          [here, wholes[1]],
        ] as const) {
          assert.ok(
            whole.subarray(0, read.bytes.length).equals(read.bytes),
            'a byte is lost, or out of order',
          );
          if (read.error === undefined) assert.equal(read.bytes.length, whole.length);
          else assert.ok(read.error instanceof SessionError && read.error.code !== 'protocol');
        }
        const ends = await Promise.allSettled([opener.closed, acceptor.closed]);
        const lasting = lanes.some((_, lane) => losses.every((loss) => loss.lane !== lane));
        if (lasting) {
          assert.deepEqual(
            ends.map(({ status }) => status),
            ['fulfilled', 'fulfilled'],
            'it was reset although a lane lived',
          );
        }
        outcomes[(there.error ?? here.error) ? 'reset' : 'delivered'] += 1;
        outcomes.lost += world.lost.length;
        opener.reset(failure('aborted'));
        acceptor.reset(failure('aborted'));
        await looking;
      }),
      { numRuns: 150 },
    );
    assert.ok(outcomes.delivered > 50 && outcomes.reset > 0 && outcomes.lost > 50, JSON.stringify(outcomes));
  });

  it('sends again what a lane held that lost its own mixnet client, at once, and uses it when it is back', async () => {
    const stuck = gate();
    const world = new World((lane) => (lane === 1 ? stuck.pass : () => Promise.resolve()));
    await turns(5);
    const [here] = world.join(1);
    await turns(5);
    stuck.close();
    const { opener, acceptor } = world;
    const bytes = randomBytes(200_000);
    const read = readBytes(acceptor, bytes.length);
    const writer = opener.writable.getWriter();
    const writing = writer.write(bytes);
    await turns(50);
    assert.ok(here.written > 0, 'the lane was given something');
    assert.equal(read.done, false);
    here.pausedSince = world.now;
    await world.later(500);
    await read.all;
    await writing;
    assert.ok(read.bytes().equals(bytes));
    // It gets nothing while it is away.
    const before = here.written;
    await writer.write(randomBytes(50_000));
    assert.equal(here.written, before);
    // What it held comes now, and changes nothing.
    here.pausedSince = undefined;
    stuck.open();
    await turns(50);
    await world.later(500);
    await world.later(500);
    await Promise.all([
      writer.write(randomBytes(200_000)),
      buffer(acceptor.readable),
      closeAll(world, writer),
    ]);
    assert.ok(here.written > before, 'the lane is used again');
    await Promise.all([opener.closed, acceptor.closed]);
  });

  it('sends again what a lane held that has fallen silent, after seconds, and only if another lane lives', async () => {
    const stuck = gate();
    const world = new World((lane) => (lane === 1 ? stuck.pass : () => Promise.resolve()));
    await turns(5);
    const [, there] = world.join(1);
    await turns(5);
    stuck.close();
    const { opener, acceptor } = world;
    const bytes = randomBytes(300_000);
    const read = readBytes(opener, bytes.length);
    const writer = acceptor.writable.getWriter();
    const writing = writer.write(bytes);
    await turns(50);
    assert.ok(there.written > 0, 'the lane was given something');
    assert.equal(read.done, false);
    await world.later(500);
    await world.later(5000);
    assert.equal(read.done, false);
    await world.later(1500);
    await read.all;
    await writing;
    assert.ok(read.bytes().equals(bytes));
    await closeAll(world, writer);
    // The lane that works no more is not waited for once the other has closed.
    await turns(20);
    await world.later(6000);
    await Promise.all([opener.closed, acceptor.closed]);
  });

  it('ends when all lanes are lost, with the error of the last', async () => {
    const world = new World();
    await turns(5);
    const [second] = world.join(1);
    await turns(5);
    const writing = write(world.opener, [randomBytes(3_000_000)]);
    writing.catch(() => undefined);
    await turns(5);
    second.reset(failure('gone'));
    world.lane(0)[1].reset(failure('timeout'));
    await assert.rejects(world.opener.closed, { code: 'timeout', by: 'peer' });
    await assert.rejects(world.acceptor.closed, { code: 'timeout', by: 'us' });
    await assert.rejects(writing, { code: 'timeout' });
  });

  it('ends at once when the peer has ended it, and says so on every lane', async () => {
    for (const code of ['aborted', 'upstream-reset', 'limit', 'token', 'timeout', 'gone'] as const) {
      const world = new World();
      await turns(5);
      world.join(1);
      await turns(5);
      world.acceptor.reset(failure(code));
      await assert.rejects(world.opener.closed, { code, by: 'peer' });
    }
  });

  it('ends when its lanes are not known to the server any more, and nothing else is heard', async () => {
    const world = new World();
    await turns(5);
    for (let n = 0; n < 3; n += 1) {
      const [here, there] = lanePair(() => Promise.resolve(), VERSION);
      world.opener.add(1, here);
      there.reset(failure('gone'));
      await turns(5);
    }
    await assert.rejects(world.opener.closed, { code: 'gone', by: 'peer' });
    assert.deepEqual(world.lost, [1, 1]);
  });

  it('lets a new lane take the place of one that the other end has lost', async () => {
    const world = new World();
    await turns(5);
    const [, before] = world.join(1);
    await turns(5);
    const [here, there] = lanePair(() => Promise.resolve(), VERSION);
    world.acceptor.add(1, there);
    assert.equal(before.resetWith?.code, 'gone');
    await turns(5);
    assert.deepEqual(world.lost, [1]);
    world.opener.add(1, here);
    const bytes = randomBytes(200_000);
    const [read] = await Promise.all([
      buffer(world.acceptor.readable),
      write(world.opener, [bytes]),
      write(world.acceptor, []),
      buffer(world.opener.readable),
    ]);
    assert.ok(read.equals(bytes));
    await Promise.all([world.opener.closed, world.acceptor.closed]);
    assert.ok(here.written > 0);
  });

  it('closes though the last acknowledgement is lost with its lane', async () => {
    const world = new World();
    await turns(5);
    const [here] = world.join(1);
    await turns(5);
    const ended = Promise.all([
      buffer(world.acceptor.readable),
      write(world.opener, [randomBytes(10)]),
      write(world.acceptor, [randomBytes(10)]),
      buffer(world.opener.readable),
    ]);
    await turns(1);
    world.lane(0)[0].reset(failure('lost'));
    await ended;
    assert.equal(here.resetWith, undefined);
    await Promise.all([world.opener.closed, world.acceptor.closed]);
  });

  it('holds the writer back when nobody reads, and never more than a window each way', async () => {
    const world = new World();
    await turns(5);
    for (const number of [1, 2, 3]) world.join(number);
    await turns(5);
    const writer = world.opener.writable.getWriter();
    let written = 0;
    const writing = (async () => {
      for (;;) {
        await writer.write(randomBytes(16_384));
        written += 16_384;
      }
    })();
    writing.catch(() => undefined);
    await turns(300);
    assert.ok(written <= FIRST_LIMIT, `${written} bytes were written`);
    const before = written;
    await world.later(2500);
    await turns(300);
    assert.equal(written, before);
    // A reader that reads as fast as it can makes the window grow, and no further than it may.
    const reader = world.acceptor.readable.getReader();
    for (let n = 0; n < 2000; n += 1) {
      await reader.read();
      for (const { bytesBuffered } of [world.opener.stats(), world.acceptor.stats()])
        assert.ok(bytesBuffered <= MOST_HELD, `${bytesBuffered} bytes are held`);
    }
    assert.ok(written > 4 * FIRST_LIMIT);
    world.opener.reset(failure('aborted'));
    await assert.rejects(writing, { code: 'aborted' });
  });

  it('grants no more than it is told to', async () => {
    const world = new World();
    await turns(5);
    world.join(1);
    await turns(5);
    const writer = world.opener.writable.getWriter();
    const reader = world.acceptor.readable.getReader();
    let read = 0;
    const writing = (async () => {
      for (;;) await writer.write(randomBytes(16_384));
    })();
    writing.catch(() => undefined);
    world.acceptor.limitWindow(32_768);
    while (read < 2 * FIRST_LIMIT) read += (await reader.read()).value?.length ?? 0;
    await turns(200);
    const { bytesBuffered, bytesGranted } = world.acceptor.stats();
    assert.ok(bytesBuffered + bytesGranted <= 32_768, `${bytesBuffered} held and ${bytesGranted} granted`);
    world.acceptor.limitWindow(1024 * 1024);
    while (read < 6 * FIRST_LIMIT) read += (await reader.read()).value?.length ?? 0;
    await turns(200);
    assert.ok(world.acceptor.stats().bytesBuffered > 32_768);
    world.opener.reset(failure('aborted'));
    await assert.rejects(writing, { code: 'aborted' });
  });

  it('is reset by a peer that acknowledges what was never sent, and harmed by none that sends beyond its limit', async () => {
    const [peer, first] = lanePair(() => Promise.resolve(), VERSION);
    const acceptor = new MultiLaneConnection(first, { addresses: [] });
    await say(peer, { type: 'ack', offset: 1, limit: 10 }).catch(() => undefined);
    await assert.rejects(acceptor.closed, { code: 'protocol', by: 'us' });

    const [greedy, second] = lanePair(() => Promise.resolve(), VERSION);
    const other = new MultiLaneConnection(second, { addresses: [] });
    const bytes = new Uint8Array(4096);
    const saying = say(
      greedy,
      ...Array.from({ length: 500 }, (_, n): LaneRecord => ({ type: 'data', offset: n * 4096, bytes })),
    );
    saying.catch(() => undefined);
    await turns(1000);
    assert.ok(other.stats().bytesBuffered <= FIRST_LIMIT + 4096);
    other.reset(failure('aborted'));
  });

  it('takes bytes that come twice, or overlap, or behind their end', async () => {
    const [peer0, first] = lanePair(() => Promise.resolve(), VERSION);
    const [peer1, second] = lanePair(() => Promise.resolve(), VERSION);
    const acceptor = new MultiLaneConnection(first, { addresses: [] });
    acceptor.add(1, second);
    const bytes = randomBytes(30);
    const part = (offset: number, end: number): LaneRecord => ({
      type: 'data',
      offset,
      bytes: bytes.subarray(offset, end),
    });
    const end: LaneRecord = { type: 'end', offset: 30 };
    const reading = buffer(acceptor.readable);
    await Promise.all([
      say(peer0, part(20, 30), end, part(0, 12)),
      say(peer1, end, part(5, 22), part(5, 22), part(0, 30)),
    ]);
    assert.ok((await reading).equals(bytes));
    acceptor.reset(failure('aborted'));
  });
});

/** Puts records on a lane as a peer that does as it likes. */
async function say(lane: TestLane, ...records: LaneRecord[]): Promise<void> {
  const writer = lane.writable.getWriter();
  for (const record of records) await writer.write(encodeLaneRecord(record));
  writer.releaseLock();
}

async function closeAll(world: World, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  const others = [world.opener, world.acceptor].filter(({ writable }) => !writable.locked);
  await Promise.all([writer.close(), ...others.map((one) => one.writable.close())]);
  const unread = [world.opener, world.acceptor].filter(({ readable }) => !readable.locked);
  await Promise.all(unread.map((one) => buffer(one.readable)));
}

/** Reads so many bytes, and then releases the stream. */
function readBytes(connection: MultiLaneConnection, length: number) {
  const chunks: Uint8Array[] = [];
  const state = { done: false };
  const reader = connection.readable.getReader();
  const readAll = async () => {
    while (Buffer.concat(chunks).length < length)
      chunks.push((await reader.read()).value ?? new Uint8Array());
    reader.releaseLock();
    state.done = true;
  };
  return Object.assign(state, { all: readAll(), bytes: () => Buffer.concat(chunks) });
}

/** What lets everything pass, unless it is closed: then it waits until it is opened. */
function gate() {
  let waiting: Promise<void> = Promise.resolve();
  let open: () => void = () => undefined;
  const close = () => void (waiting = new Promise((resolve) => (open = resolve)));
  return { pass: () => waiting, close, open: () => open() };
}

/** Some turns of the event loop for each call, in turn. */
function delaysOf(counts: readonly number[]): Delay {
  let at = 0;
  return () => turns(counts[at++ % counts.length] ?? 0);
}
