import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';

import { millisecondsOf } from '../../src/basics/options-check.js';
import { CHUNK_BY_CHUNK, connectTcp, parseTcpAddress, streamsOf } from '../../src/node/tcp.js';
import { joinStreams } from '../../src/proxy/join.js';
import { SessionError } from '../../src/session/errors.js';
import { resetCode } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 20_000 };

/** Two ends of a TCP connection. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ ...CHUNK_BY_CHUNK, allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const here = connect({ ...CHUNK_BY_CHUNK, port, allowHalfOpen: true });
  const [there] = (await once(server, 'connection')) as [Socket];
  server.close();
  for (const socket of [here, there]) socket.on('error', () => undefined);
  return [here, there];
}

/** More than the buffers of both sockets take while nobody reads. */
const TOO_MUCH = new Uint8Array(64 << 20);

describe('a TCP connection as streams', TIME_LIMIT, () => {
  it('is reset when it is aborted in the middle of a write', TIME_LIMIT, async () => {
    const [here, there] = await socketPair();
    const writer = streamsOf(here).writable.getWriter();
    const writing = writer.write(TOO_MUCH);
    await Promise.all([writer.abort(new SessionError('gone', 'us')), writing.catch(() => undefined)]);
    assert.equal(await resetCode(there), 'ECONNRESET');
  });

  it('is broken off by the signal of a join even if its end waits for a reader', TIME_LIMIT, async () => {
    const [here, there] = await socketPair();
    const tail = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(TOO_MUCH);
        controller.close();
      },
    });
    const cut = new AbortController();
    const joined = joinStreams(
      { readable: tail, writable: new WritableStream() },
      streamsOf(here),
      cut.signal,
    );
    there.end();
    await once(here, 'end');
    cut.abort();
    await assert.rejects(joined);
    assert.ok(here.destroyed);
    there.destroy();
  });

  for (const closed of [false, true]) {
    it(`takes no reset for an end, ${closed ? 'when its own end is closed, too' : 'however close it comes to the data'}`, async () => {
      for (let n = 0; n < 50; n += 1) {
        const sockets = await socketPair();
        // Either may be the one that was accepted.
        const [here, there] = n % 2 === 0 ? sockets : [sockets[1], sockets[0]];
        const { readable, writable } = streamsOf(here);
        const reading = buffer(readable);
        if (closed) await writable.close();
        there.write(new Uint8Array(1000), () => there.resetAndDestroy());
        await assert.rejects(
          reading,
          (error) => error instanceof SessionError && error.code === 'upstream-reset',
        );
      }
    });
  }

  it('takes no bytes after it was cancelled, whatever the socket still holds', TIME_LIMIT, async () => {
    const [here, there] = await socketPair();
    there.write(new Uint8Array(300_000));
    await once(here, 'readable');
    const { readable } = streamsOf(here);
    const reader = readable.getReader();
    void reader.read().catch(() => undefined);
    await reader.cancel();
    if (!here.destroyed) await once(here, 'close');
    there.destroy();
  });

  it('tells a refused connection from other failures', TIME_LIMIT, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const code = (wanted: string) => (error: unknown) =>
      error instanceof SessionError && error.code === wanted;
    const { signal } = new AbortController();
    await assert.rejects(connectTcp({ host: '127.0.0.1', port }, signal), code('refused'));
    await assert.rejects(connectTcp({ host: 'host.invalid', port }, signal), code('unreachable'));
    await assert.rejects(connectTcp({ host: '127.0.0.1', port }, AbortSignal.abort()), {
      name: 'AbortError',
    });
  });
});

describe('what a user writes', () => {
  it('as a TCP address is a host and a port', () => {
    assert.deepEqual(parseTcpAddress('localhost:80'), { host: 'localhost', port: 80 });
    assert.deepEqual(parseTcpAddress('[::1]:443'), { host: '::1', port: 443 });
    for (const wrong of ['', 'localhost', ':80', 'localhost:0', 'localhost:70000', '::1:80', 'http://x:80']) {
      assert.throws(() => parseTcpAddress(wrong), RangeError, wrong);
    }
  });

  it('as seconds is something that a timer can wait for', () => {
    assert.equal(millisecondsOf('closeTimeout', 1.5), 1500);
    for (const wrong of [0, -1, NaN, Infinity, 3e6])
      assert.throws(() => millisecondsOf('x', wrong), RangeError);
  });
});
