import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { startStreams } from '../../src/node/streams.js';
import { SessionError } from '../../src/session/errors.js';
import type { MixnetStream } from '../../src/streams/mixnet-stream.js';
import { nextStream } from '../support/stream-world.js';
import { TestNetwork, TestTunnel, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 180_000 };

const ANSWER = `HTTP/1.1 413 Content Too Large\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n${'x'.repeat(2000)}`;

describe('over the official client', TIME_LIMIT, () => {
  let network: TestNetwork;
  before(async () => {
    network = await TestNetwork.start();
  });
  after(() => network[Symbol.asyncDispose]());

  it('the answer of a server that does not read the request arrives whole', TIME_LIMIT, async () => {
    await using upstream = await TestUpstream.start((socket) => {
      socket.write(ANSWER);
      setTimeout(() => socket.destroy(), 20);
    });
    await using tunnel = await TestTunnel.start(network.env, upstream.address, { clients: 'shared' });
    for (const bytes of [200, 20_000, 60_000]) {
      const answers = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const socket = tunnel.connect();
          let answer = '';
          socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
          socket.write(Buffer.alloc(bytes, 'u'));
          await new Promise((resolve) => socket.on('close', resolve).on('end', resolve));
          socket.destroy();
          return answer;
        }),
      );
      for (const answer of answers) assert.equal(answer.length, ANSWER.length, `after ${bytes} bytes`);
    }
  });

  it('a stream that a peer does not read stops its writer by its idle timeout', TIME_LIMIT, async () => {
    await using here = await startStreams({ env: network.env, traffic: 'fast', idleTimeoutMs: 4000 });
    await using there = await startStreams({ env: network.env, traffic: 'fast' });
    const listener = there.listen();
    const stream = here.openStream(there.address);
    let beats = 0;
    const heart = setInterval(() => (beats += 1), 50);
    const writer = stream.writable.getWriter();
    await assert.rejects(
      async () => {
        for (;;) await writer.write(new Uint8Array(1000));
      },
      (error) => error instanceof SessionError && error.code === 'timeout',
    );
    clearInterval(heart);
    assert.ok(beats > 20, `${beats} beats`);
    // Nothing else is harmed.
    const other = here.openStream(there.address, { initialData: Uint8Array.of(1, 2, 3) });
    let peer: MixnetStream = await nextStream(listener);
    while (peer.id !== other.id) peer = await nextStream(listener);
    const { value } = await peer.readable.getReader().read();
    assert.deepEqual(value, Uint8Array.of(1, 2, 3));
  });

  it('the reset of a stream beside forty uploads is heard at once', TIME_LIMIT, async () => {
    await using here = await startStreams({ env: network.env, traffic: 'fast' });
    await using there = await startStreams({ env: network.env, traffic: 'fast' });
    void (async () => {
      for await (const peer of there.listen())
        void peer.readable.pipeTo(new WritableStream()).catch(() => undefined);
    })();
    const uploads = Array.from({ length: 40 }, () => here.openStream(there.address));
    const bytes = randomBytes(20_000);
    for (const upload of uploads)
      void upload.writable
        .getWriter()
        .write(bytes)
        .catch(() => undefined);
    const stream = here.openStream(there.address, { initialData: bytes });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const reading = assert.rejects(stream.readable.getReader().read(), SessionError);
    // Everything that the application hears, it hears before the next turn of the event loop.
    let turned = false;
    stream.reset();
    setImmediate(() => (turned = true));
    await Promise.all([reading, assert.rejects(stream.closed, SessionError)]);
    assert.equal(turned, false);
  });

  it('later streams to the same recipient are as good as the first', TIME_LIMIT, async () => {
    await using here = await startStreams({ env: network.env, traffic: 'fast' });
    await using there = await startStreams({ env: network.env, traffic: 'fast' });
    const listener = there.listen();
    const bytes = randomBytes(100_000);
    const messages: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      // Between two, everything of the stream before is drained.
      if (n > 0) await new Promise((resolve) => setTimeout(resolve, 5000));
      const stream = here.openStream(there.address, { initialData: Uint8Array.of(1) });
      const peer = await nextStream(listener);
      const writer = peer.writable.getWriter();
      const sent = writer.write(bytes).then(() => writer.close());
      const startedAt = performance.now();
      let received = 0;
      for await (const chunk of stream.readable) received += chunk.length;
      messages.push(performance.now() - startedAt);
      assert.equal(received, bytes.length);
      await Promise.all([sent, stream.close(), peer.close()]);
    }
    // A wait of 400 ms for each reply made it 2 to 15 times as long.
    const [first = 0, ...later] = messages;
    for (const ms of later) assert.ok(ms < 2.5 * first + 1000, messages.map(Math.round).join());
  });
});
