import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';

import { MixnetClientError } from '../../src/mixnet/errors.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import type { MixnetStream } from '../../src/streams/mixnet-stream.js';
import { WireError } from '../../src/wire/errors.js';
import { nextStream as next, StreamWorld, type StreamEnd } from '../support/stream-world.js';

const TIME_LIMIT = { timeout: 20_000 };

const resetWith = (code: SessionErrorCode, by: 'us' | 'peer') => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === by;

async function write(stream: MixnetStream, bytes: Uint8Array): Promise<void> {
  const writer = stream.writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

const readAll = async (stream: MixnetStream) => new Uint8Array(await buffer(stream.readable));

const keeps = ({ streams }: StreamEnd) => streams.remembered;

/** Settles when a lost client has its successor. */
async function replaced({ streams }: StreamEnd): Promise<void> {
  while (!streams.ready) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Sends back all that comes over every stream. */
async function echo({ streams }: StreamEnd): Promise<void> {
  for await (const { readable, writable } of streams.listen())
    readable.pipeTo(writable).catch(() => undefined);
}

describe('streams between our own peers', TIME_LIMIT, () => {
  it('carry bytes both ways, each direction to its own end, initial data first', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const [up, down] = [randomBytes(300_000), randomBytes(200_000)];
    const stream = a.streams.openStream(b.address, { initialData: up.subarray(0, 20_000) });
    const sent = write(stream, up.subarray(20_000));
    const peer = await next(listener);
    assert.equal(peer.id, stream.id);
    assert.ok(Buffer.compare(await readAll(peer), up) === 0);
    await sent;
    await Promise.all([
      write(peer, down),
      readAll(stream).then((bytes) => assert.ok(Buffer.compare(bytes, down) === 0)),
    ]);
    await Promise.all([stream.closed, peer.closed]);
    assert.deepEqual([stream.mode, peer.mode], ['frames', 'frames']);
    assert.deepEqual([stream.bytesSent, stream.bytesReceived], [up.length, down.length]);
  });

  it('run side by side to many recipients over a mixnet that reorders and repeats', async () => {
    await using world = new StreamWorld();
    world.mixnet.fate = () =>
      Math.random() < 0.2 ? [Math.random() * 8, Math.random() * 8] : [Math.random() * 8];
    const here = world.end();
    const others = Array.from({ length: 5 }, () => world.end());
    for (const other of others) void echo(other);
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const stream = here.streams.openStream(others[n % 5]?.address ?? '');
        const bytes = randomBytes(20_000 + n);
        const [echoed] = await Promise.all([readAll(stream), write(stream, bytes)]);
        assert.ok(Buffer.compare(echoed, bytes) === 0);
        await stream.closed;
      }),
    );
  });

  it('keep but a count of SURBs, and the id of the last stream, of a recipient that is no longer used', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    void echo(b);
    const stream = a.streams.openStream(b.address);
    assert.equal(keeps(a), 2);
    await Promise.all([write(stream, new Uint8Array(9)), readAll(stream), stream.closed]);
    while (keeps(a) > 2) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(a.streams.size, 0);
  });

  for (const [asked, given] of [
    [20, 20],
    [24, 24],
    [100, 100],
    [500, 120],
  ] as const) {
    it(`give the recipient ${given} SURBs at once when ${asked} are asked for, in few messages`, async () => {
      await using world = new StreamWorld();
      const [a, b] = [world.end(), world.end()];
      const most: number[] = [];
      const send = a.client.send.bind(a.client);
      a.client.send = (recipient, payload, surbs) => {
        most.push(surbs);
        return send(recipient, payload, surbs);
      };
      // Nobody answers.
      b.client.on('message', () => undefined);
      world.mixnet.fate = () => [];
      a.streams.openStream(b.address, { replySurbs: asked });
      while (a.client.surbs < given) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(a.client.surbs, given);
      assert.ok(Math.max(...most) <= 10 && most.length <= given / 10 + 1, most.join());
    });
  }

  it('go on over other clients of both ends when theirs are lost', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const retries: unknown[] = [];
    a.streams.on('retry', (retry) => retries.push(retry));
    const listener = b.streams.listen();
    const stream = a.streams.openStream(b.address);
    const bytes = randomBytes(900_000);
    const sent = write(stream, bytes);
    const peer = await next(listener);
    const clients = [a.client, b.client];
    const lose = b.client.on('message', () => {
      if (peer.bytesReceived < 100_000) return;
      lose();
      clients[1]?.lose();
      void replaced(b).then(() => a.client.lose());
    });
    const received = await readAll(peer);
    await sent;
    assert.ok(Buffer.compare(received, bytes) === 0);
    assert.ok(clients.every(({ state }) => state !== 'ready') && retries.length > 0);
    await peer.close();
    await stream.close();
  });

  it('that others have opened end when the address is lost, those from here go on', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end({ keepsAddress: false })];
    const [atA, atB] = [a.streams.listen(), b.streams.listen()];
    const toB = a.streams.openStream(b.address);
    const fromA = await next(atB);
    const toA = b.streams.openStream(a.address);
    const fromB = await next(atA);
    const before = b.address;
    b.client.lose();
    await assert.rejects(fromA.closed, resetWith('lost', 'us'));
    assert.notEqual(b.address, before);
    await Promise.all([write(toA, new Uint8Array(9)), readAll(fromB)]);
    // And there are streams to the new address.
    a.streams.openStream(b.address);
    assert.ok(await next(atB));
    toB.reset();
    await assert.rejects(toB.closed, resetWith('aborted', 'us'));
  });

  it('are reset with a reason that reaches the other end, by a signal too', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const first = a.streams.openStream(b.address);
    (await next(listener)).reset(new SessionError('limit', 'us'));
    await assert.rejects(readAll(first), resetWith('limit', 'peer'));
    const control = new AbortController();
    const second = a.streams.openStream(b.address, { signal: control.signal });
    const peer = await next(listener);
    control.abort();
    await assert.rejects(second.closed, resetWith('aborted', 'us'));
    await assert.rejects(readAll(peer), resetWith('aborted', 'peer'));
    assert.throws(() => a.streams.openStream(b.address, { signal: control.signal }), { name: 'AbortError' });
  });

  it('are closed without reading what still comes', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const stream = a.streams.openStream(b.address, { initialData: new Uint8Array(5) });
    const peer = await next(listener);
    const flood = write(peer, new Uint8Array(2_000_000));
    const closed = stream.close();
    await Promise.all([flood, closed, readAll(peer).then(({ length }) => assert.equal(length, 5))]);
    await peer.closed;
  });

  it('are reset when closing takes longer than its signal allows', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const stream = a.streams.openStream(b.address);
    const peer = await next(listener);
    const control = new AbortController();
    const closing = stream.close({ signal: control.signal });
    assert.equal((await readAll(peer)).length, 0);
    // The peer's direction is still open.
    control.abort();
    await assert.rejects(closing, { name: 'AbortError' });
    await assert.rejects(peer.closed, resetWith('aborted', 'peer'));
  });
});

describe('streams that nobody reads', TIME_LIMIT, () => {
  it('are reset when all hold too much: of the peer that holds most, the one that holds most', async () => {
    await using world = new StreamWorld();
    const server = world.end({ maxBufferedBytes: 100_000 });
    const [greedy, modest] = [world.end(), world.end()];
    const listener = server.streams.listen();
    const fill = async ({ streams }: StreamEnd, bytes: number) => {
      const stream = streams.openStream(server.address);
      const written = write(stream, new Uint8Array(bytes));
      const peer = await next(listener);
      return { stream, peer, written };
    };
    const [kept, victim] = [await fill(greedy, 40_000), await fill(greedy, 45_000)];
    const other = await fill(modest, 50_000);
    const gone = assert.rejects(victim.stream.closed, resetWith('limit', 'peer'));
    await assert.rejects(victim.peer.closed, resetWith('limit', 'us'));
    await gone;
    for (const { stream, peer, written } of [kept, other]) {
      await Promise.all([written, readAll(peer), peer.writable.close()]);
      await Promise.all([stream.close(), peer.closed]);
    }
  });
});

describe('a listener', TIME_LIMIT, () => {
  it('is one at a time; without one, streams are refused', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    await assert.rejects(a.streams.openStream(b.address).closed, resetWith('refused', 'peer'));
    const listener = b.streams.listen();
    assert.throws(() => b.streams.listen(), MixnetClientError);
    await listener.return?.();
    const control = new AbortController();
    const second = b.streams.listen({ signal: control.signal });
    const pending = second.next();
    control.abort();
    assert.deepEqual(await pending, { done: true, value: undefined });
    assert.ok(b.streams.listen());
  });

  it('resets what waits when its loop is left, and leaves the others', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const streams = Array.from({ length: 4 }, () => a.streams.openStream(b.address));
    let taken: MixnetStream | undefined;
    const listener = b.streams.listen();
    for await (const stream of listener) {
      while (b.streams.size < 4) await new Promise((resolve) => setTimeout(resolve, 1));
      taken = stream;
      break;
    }
    assert.ok(taken);
    const { id } = taken;
    for (const stream of streams) {
      if (stream.id !== id) await assert.rejects(stream.closed, resetWith('refused', 'peer'));
      else await Promise.all([write(stream, new Uint8Array(7)), readAll(taken)]);
    }
  });

  it('lets no more wait than its backlog, nor more be open than allowed', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end({ maxIncoming: 3 })];
    const listener = b.streams.listen({ backlog: 2 });
    const streams = Array.from({ length: 3 }, () => a.streams.openStream(b.address));
    await assert.rejects(Promise.race(streams.map(({ closed }) => closed)), resetWith('limit', 'peer'));
    await next(listener);
    await next(listener);
    a.streams.openStream(b.address);
    await next(listener);
    await assert.rejects(a.streams.openStream(b.address).closed, resetWith('limit', 'peer'));
  });

  it('forgets a stream that ended before anybody took it', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const gone = a.streams.openStream(b.address, { initialData: new Uint8Array(1) });
    while (b.streams.size < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    gone.reset();
    while (b.streams.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const stream = a.streams.openStream(b.address);
    assert.equal((await next(listener)).id, stream.id);
  });
});

describe('the end of all streams', TIME_LIMIT, () => {
  it('resets them at both ends, ends the listener, and comes once', async () => {
    await using world = new StreamWorld();
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const stream = a.streams.openStream(b.address);
    const peer = await next(listener);
    const pending = listener.next();
    await Promise.all([b.streams.close(), b.streams.close()]);
    assert.equal((await pending).done, true);
    await assert.rejects(peer.closed, resetWith('gone', 'us'));
    await assert.rejects(stream.closed, resetWith('gone', 'peer'));
    assert.equal(b.client.state, 'closed');
    assert.throws(() => b.streams.openStream(a.address), MixnetClientError);
    assert.throws(() => b.streams.listen(), MixnetClientError);
  });

  it('does not wait for a mixnet client that cannot be started', async () => {
    await using world = new StreamWorld();
    const a = world.end();
    const stream = a.streams.openStream(world.end().address);
    a.client.lose();
    await a.streams.close();
    await assert.rejects(stream.closed, resetWith('aborted', 'us'));
  });
});

describe('bad input', TIME_LIMIT, () => {
  it('is refused with a word about what is wrong', async () => {
    await using world = new StreamWorld();
    const { streams, address } = world.end();
    assert.throws(() => streams.openStream('nowhere'), WireError);
    assert.throws(() => streams.openStream(address, { replySurbs: 1.5 }), RangeError);
    assert.throws(() => streams.listen({ backlog: 0 }), RangeError);
    assert.throws(() => world.end({ idleTimeoutMs: 0 }), RangeError);
    assert.throws(() => world.end({ maxIncoming: -1 }), RangeError);
    assert.throws(() => world.end({ maxBufferedBytes: 0.5 }), RangeError);
  });
});
