import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';

import { deferred } from './deferred.js';
import { streamOf } from './mirror.js';
import { httpUpstream, onRequestHead, tcpUpstream } from './upstream.js';

const MIB = 1024 * 1024;

describe('an upload', { timeout: 60_000 }, () => {
  const bytes = new Uint8Array(5 * MIB).map((_, i) => (i * 31) ^ (i >> 9));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const bodies: [string, () => BodyInit][] = [
    ['of known length', () => bytes],
    ['as a stream', () => streamOf(bytes.slice(0, 1), bytes.slice(1, 3 * MIB), bytes.slice(3 * MIB))],
  ];
  for (const [how, body] of bodies) {
    it(`of 5 MiB arrives as it is, ${how}`, async () => {
      await using upstream = await httpUpstream((request, response) => {
        const hash = createHash('sha256');
        request
          .on('data', (data: Buffer) => hash.update(data))
          .on('end', () => response.end(hash.digest('hex')));
      });
      const response = await upstream.client.fetch('/', { method: 'POST', body: body() });
      assert.equal(await response.text(), sha256);
    });
  }

  it('is held back while the upstream does not take it', async () => {
    const total = 64 * MIB;
    const piece = new Uint8Array(64 * 1024);
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += piece.length;
          controller.enqueue(piece);
          if (pulled === total) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    let received = 0;
    let take: () => void = () => undefined;
    await using upstream = await httpUpstream((request, response) => {
      response.write('x');
      if (request.method === 'HEAD') return void response.end();
      take = () => {
        request.on('data', (data: Buffer) => (received += data.length));
        void once(request, 'end').then(() => response.end());
      };
    });
    const response = await upstream.client.fetch('/', { method: 'POST', body });
    // Round trips on another socket, which give the upload time that it cannot use.
    for (let i = 0; i < 50; i += 1) await upstream.client.fetch('/', { method: 'HEAD' });
    assert(pulled < total, 'all was read ahead');
    take();
    await response.text();
    assert.deepEqual([pulled, received], [total, total]);
  });

  it('and its answer run at the same time', async () => {
    await using upstream = await httpUpstream((request, response) => void request.pipe(response));
    let upload: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (upload = controller) });
    upload?.enqueue(Buffer.from('0'));
    const response = await upstream.client.fetch('/', { method: 'POST', body });
    const reader = response.body?.getReader();
    for (let i = 0; i < 10; i += 1) {
      const echo = await reader?.read();
      assert.equal(String(Buffer.from(echo?.value ?? [])), String(i));
      upload?.enqueue(Buffer.from(String(i + 1)));
    }
    upload?.close();
    assert.equal(String(Buffer.from((await reader?.read())?.value ?? [])), '10');
    assert.equal((await reader?.read())?.done, true);
    await (await upstream.client.fetch('/')).text();
    assert.equal(upstream.tcp.sockets.length, 1, 'the socket is used again');
  });

  it('that the upstream refuses early gives the refusal, and is stopped', async () => {
    await using upstream = await tcpUpstream((socket) => {
      onRequestHead(socket, () => {
        socket.end('HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig');
      });
    });
    const cancelled = deferred<unknown>();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(1000)),
      cancel: cancelled.resolve,
    });
    const response = await upstream.client.fetch('/', { method: 'POST', body });
    assert.deepEqual([response.status, await response.text()], [413, 'big']);
    assert.match(String(await cancelled.promise), /not wanted/);
    await upstream.tcp.allClosed();
  });

  it('goes on after an early answer on a connection that is kept, which is then used again', async () => {
    const received = deferred<number>();
    await using upstream = await httpUpstream((request, response) => {
      let bytes = 0;
      request.on('data', (data: Buffer) => (bytes += data.length)).on('end', () => received.resolve(bytes));
      response.end('taken');
    });
    let upload: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (upload = controller) });
    const response = await upstream.client.fetch('/', { method: 'POST', body });
    assert.equal(await response.text(), 'taken');
    upload?.enqueue(new Uint8Array(1000));
    upload?.close();
    assert.equal(await received.promise, 1000);
  });

  it('is stopped when it stalls after its answer is complete, and the socket closed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    await using upstream = await httpUpstream((_, response) => response.end('taken'));
    const cancelled = deferred<unknown>();
    const body = new ReadableStream<Uint8Array>({ cancel: cancelled.resolve });
    const response = await upstream.client.fetch('/', { method: 'POST', body });
    assert.equal(await response.text(), 'taken');
    assert.equal(upstream.tcp.openCount(), 1);
    t.mock.timers.tick(10_000);
    await cancelled.promise;
    await upstream.tcp.allClosed();
  });

  it('is stopped when its answer is cancelled, and the socket closed', async () => {
    await using upstream = await httpUpstream((_, response) => void response.write('x'));
    const cancelled = deferred<unknown>();
    const body = new ReadableStream<Uint8Array>({ cancel: cancelled.resolve });
    const response = await upstream.client.fetch('/', { method: 'POST', body });
    await response.body?.cancel();
    await cancelled.promise;
    await upstream.tcp.allClosed();
  });
});
