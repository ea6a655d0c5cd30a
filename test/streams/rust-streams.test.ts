import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import { SessionError } from '../../src/session/errors.js';
import { MAX_GAPS } from '../../src/session/limits.js';
import type { MixnetStream } from '../../src/streams/mixnet-stream.js';
import { encodeStreamFrame, newStreamId, type StreamFrameType } from '../../src/wire/stream-frame.js';
import { RustStreams } from '../support/rust-streams.js';
import { newAddress, nextStream as next, StreamWorld, type StreamEnd } from '../support/stream-world.js';

const TIME_LIMIT = { timeout: 30_000 };

const resetWith = (code: string) => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === 'us';

async function readExactly(stream: MixnetStream, length: number): Promise<Buffer> {
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  for (let missing = length; missing > 0;) {
    const { value } = await reader.read();
    assert.ok(value, 'the stream has ended');
    assert.ok(value.length <= missing, 'more bytes came than were sent');
    chunks.push(value);
    missing -= value.length;
  }
  reader.releaseLock();
  return Buffer.concat(chunks);
}

async function write(stream: MixnetStream, bytes: Uint8Array): Promise<void> {
  const writer = stream.writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
}

describe('a Rust peer that opens', TIME_LIMIT, () => {
  it('exchanges bytes with our listener, over a mixnet that reorders', async () => {
    await using world = new StreamWorld();
    const here = world.end();
    const rust = new RustStreams(world.mixnet.client(newAddress()));
    const listener = here.streams.listen();
    const [up, down] = [randomBytes(400_000), randomBytes(60_000)];
    const theirs = await rust.open(here.address);
    const sent = theirs.write(up);
    const stream = await next(listener);
    assert.equal(BigInt(`0x${stream.id}`), theirs.id);
    assert.ok(Buffer.compare(await readExactly(stream, up.length), up) === 0);
    await sent;
    const [received] = await Promise.all([theirs.readExactly(down.length), write(stream, down)]);
    assert.ok(Buffer.compare(received, down) === 0);
    assert.deepEqual([stream.mode, theirs.skipped, rust.dropped], ['legacy', false, 0]);
    await stream.close();
    await stream.closed;
  });

  it('cannot be told of a refusal, and is sent nothing', async () => {
    await using world = new StreamWorld();
    const here = world.end();
    const client = world.mixnet.client(newAddress());
    client.on('message', () => assert.fail('it was sent something'));
    let arrived = 0;
    here.client.on('message', () => (arrived += 1));
    const refused = await new RustStreams(client).open(here.address);
    await refused.write(Buffer.alloc(100), 10);
    while (arrived < 11) await new Promise((resolve) => setTimeout(resolve, 1));
    const listener = here.streams.listen();
    const other = await new RustStreams(world.mixnet.client(newAddress())).open(here.address);
    assert.equal(BigInt(`0x${(await next(listener)).id}`), other.id);
  });
});

describe('a Rust peer that accepts', TIME_LIMIT, () => {
  it('exchanges bytes with our opener, whose messages it understands or drops without harm', async () => {
    await using world = new StreamWorld();
    const here = world.end();
    const address = newAddress();
    const peer = new RustStreams(world.mixnet.client(address));
    const [up, down] = [randomBytes(200_000), randomBytes(100_000)];
    const stream = here.streams.openStream(address, { initialData: up.subarray(0, 10) });
    const sent = write(stream, up.subarray(10));
    const theirs = await peer.accept();
    assert.ok(Buffer.compare(await theirs.readExactly(up.length), up) === 0);
    await sent;
    await theirs.write(down);
    assert.ok(Buffer.compare(await readExactly(stream, down.length), down) === 0);
    assert.equal(stream.mode, 'legacy');
    await write(stream, up.subarray(0, 30_000));
    await Promise.all([stream.close(), theirs.readExactly(30_000)]);
    assert.equal(theirs.skipped, false);
  });

  it('and says so with a type of message of its own is not taken for one of ours', async () => {
    await using world = new StreamWorld();
    const here = world.end();
    const address = newAddress();
    const peer = new RustStreams(world.mixnet.client(address), { acknowledges: true });
    const bytes = randomBytes(40_000);
    const stream = here.streams.openStream(address);
    const sent = write(stream, bytes);
    const theirs = await peer.accept();
    const received = await theirs.readExactly(bytes.length);
    await theirs.write(received);
    assert.ok(Buffer.compare(await readExactly(stream, bytes.length), bytes) === 0);
    await sent;
    assert.equal(stream.mode, 'legacy');
    await stream.close();
  });

  it('that answers nothing gets everything, and its silence is no failure', async () => {
    await using world = new StreamWorld();
    const here = world.end();
    const address = newAddress();
    const peer = new RustStreams(world.mixnet.client(address));
    const bytes = randomBytes(100_000);
    const stream = here.streams.openStream(address);
    const sent = write(stream, bytes);
    const theirs = await peer.accept();
    assert.ok(Buffer.compare(await theirs.readExactly(bytes.length), bytes) === 0);
    await sent;
    await stream.writable.close();
    // The end goes out as frames, which are dropped; then it answers after all.
    while (peer.dropped === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await theirs.write(Buffer.from('late'));
    assert.equal((await readExactly(stream, 4)).toString(), 'late');
    await stream.close();
  });
});

/** Sends single messages of one stream in legacy mode. */
class Sender {
  readonly id = newStreamId();
  readonly #end: StreamEnd;
  readonly #to: string;

  constructor(from: StreamEnd, to: string) {
    this.#end = from;
    this.#to = to;
  }

  async send(type: StreamFrameType, sequence: number, text: string): Promise<void> {
    const payload = new TextEncoder().encode(text);
    const message = encodeStreamFrame({ streamId: this.id, type, sequence, reserved: 0, payload });
    await this.#end.client.send(this.#to, message, 10);
  }
}

describe('messages in legacy mode', TIME_LIMIT, () => {
  it('that overtake their Open are kept for it, in order and each once', async () => {
    await using world = new StreamWorld();
    world.mixnet.fate = () => [0];
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const sender = new Sender(a, b.address);
    await sender.send('data', 1, 'c');
    await sender.send('data', 0, 'b');
    await sender.send('data', 1, 'x');
    await sender.send('open', 0, 'a');
    await sender.send('open', 0, 'y');
    await sender.send('data', 0, 'z');
    await sender.send('data', 2, 'd');
    const stream = await next(listener);
    assert.equal(stream.id, sender.id);
    assert.equal((await readExactly(stream, 4)).toString(), 'abcd');
  });

  it('without a sender tag, of other kinds or of unknown types open nothing', async () => {
    await using world = new StreamWorld();
    world.mixnet.fate = () => [0];
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const open = encodeStreamFrame({
      streamId: newStreamId(),
      type: 'open',
      sequence: 0,
      reserved: 0,
      payload: new Uint8Array(),
    });
    b.client.arrive({ payload: open, senderTag: undefined }, 0);
    for (const [at, value] of [
      [0, 2],
      [10, 7],
    ] as const) {
      const other = open.slice();
      other[at] = value;
      b.client.arrive({ payload: other, senderTag: 'somebody' }, 1);
    }
    const sender = new Sender(a, b.address);
    await sender.send('open', 0, '');
    assert.equal((await next(listener)).id, sender.id);
    assert.equal(b.streams.size, 1);
  });

  it('behind a gap that is never filled end the stream, and skip nothing', async () => {
    await using world = new StreamWorld();
    world.mixnet.fate = () => [0];
    const [a, b] = [world.end(), world.end()];
    const listener = b.streams.listen();
    const sender = new Sender(a, b.address);
    await sender.send('open', 0, 'first');
    await sender.send('data', 0, ' second');
    const stream = await next(listener);
    assert.equal((await readExactly(stream, 12)).toString(), 'first second');
    for (let n = 0; n <= MAX_GAPS; n += 1) await sender.send('data', n + 2, 'lost');
    await assert.rejects(stream.readable.getReader().read(), resetWith('limit'));
    await assert.rejects(stream.closed, resetWith('limit'));
  });
});
