import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { LengthDelimited, lengthPrefix } from '../../src/streams/length-delimited.js';
import { nextStream, StreamWorld } from '../support/stream-world.js';

const TIME_LIMIT = { timeout: 20_000 };

const resetWith = (code: SessionErrorCode, by: 'us' | 'peer') => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === by;

const bytes = (text: string) => new TextEncoder().encode(text);

/** A stream from one end to another, and the same stream there. */
async function connected(world: StreamWorld) {
  const [a, b] = [world.end(), world.end()];
  const listener = b.streams.listen();
  const stream = a.streams.openStream(b.address);
  return { stream, peer: await nextStream(listener) };
}

describe('length-delimited messages', () => {
  it('have their length before them in four bytes, big endian', () => {
    // What tokio_util's LengthDelimitedCodec makes of "hello".
    assert.deepEqual([...lengthPrefix(5), ...bytes('hello')], [0, 0, 0, 5, 104, 101, 108, 108, 111]);
  });

  it('come out as they went in, however the stream is cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(messages, fc.infiniteStream(fc.nat(17)), (sent, cuts) => {
        const stream = Uint8Array.from(sent.flatMap((each) => [...lengthPrefix(each.length), ...each]));
        const parser = new LengthDelimited(40);
        const received: Uint8Array[] = [];
        for (let at = 0; at < stream.length;) {
          const length = cuts.next().value as number;
          received.push(...parser.push(stream.subarray(at, at + length)));
          at += length;
        }
        assert.deepEqual(received, sent);
        assert.ok(!parser.within);
      }),
    );
  });

  it('are refused when they are announced as too long, before anything is kept of them', () => {
    const parser = new LengthDelimited(100);
    assert.deepEqual([...parser.push(Uint8Array.of(0, 0, 0))], []);
    assert.throws(() => [...parser.push(Uint8Array.of(101))], resetWith('limit', 'us'));
  });
});

describe('messages over a stream', TIME_LIMIT, () => {
  it('keep their boundaries both ways, empty and large ones too, until the end', async () => {
    await using world = new StreamWorld();
    const { stream, peer } = await connected(world);
    const [here, there] = [stream.messages(), peer.messages()];
    const sent = [bytes('one'), new Uint8Array(), randomBytes(500_000), bytes('four')];
    const sending = (async () => {
      for (const message of sent) await here.send(message);
      await here.end();
    })();
    const received: Uint8Array[] = [];
    for await (const message of there) {
      received.push(message);
      await there.send(bytes(`got ${message.length}`));
    }
    await sending;
    assert.deepEqual(
      received.map((message) => Buffer.from(message).toString('base64')),
      sent.map((message) => Buffer.from(message).toString('base64')),
    );
    await there.end();
    const answers: string[] = [];
    for await (const answer of here) answers.push(new TextDecoder().decode(answer));
    assert.deepEqual(answers, ['got 3', 'got 0', 'got 500000', 'got 4']);
    await Promise.all([stream.close(), peer.close()]);
  });

  it('that are too long are not sent, and the stream goes on', async () => {
    await using world = new StreamWorld();
    const { stream, peer } = await connected(world);
    const here = stream.messages({ maxBytes: 10 });
    await assert.rejects(here.send(new Uint8Array(11)), RangeError);
    await here.send(new Uint8Array(10));
    const message = await peer.messages().receive();
    assert.equal(message?.length, 10);
    assert.throws(() => stream.messages(), TypeError);
    assert.throws(() => peer.messages({ maxBytes: -1 }), RangeError);
  });

  it('that the peer should not have sent reset the stream', async () => {
    await using world = new StreamWorld();
    const { stream, peer } = await connected(world);
    await stream.messages().send(new Uint8Array(11));
    const messages = peer.messages({ maxBytes: 10 });
    await assert.rejects(messages.receive(), resetWith('limit', 'us'));
    await assert.rejects(messages.receive(), resetWith('limit', 'us'));
    await assert.rejects(stream.closed, resetWith('limit', 'peer'));
  });

  it('that end in the middle are an error', async () => {
    await using world = new StreamWorld();
    const { stream, peer } = await connected(world);
    const writer = stream.writable.getWriter();
    await writer.write(Uint8Array.of(0, 0, 0, 2, 1));
    await writer.close();
    await assert.rejects(peer.messages().receive(), resetWith('protocol', 'us'));
    await assert.rejects(stream.closed, resetWith('protocol', 'peer'));
  });
});
