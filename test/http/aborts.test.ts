import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';

import { HttpClient } from '../../src/http/index.js';
import { deferred } from './deferred.js';
import { memorySocket, never } from './memory-socket.js';
import { httpUpstream, tcpUpstream } from './upstream.js';

const reason = new Error('the user has left');

async function rejectsWithReason(promise: Promise<unknown> | undefined): Promise<void> {
  assert(promise !== undefined);
  await assert.rejects(promise, (error) => error === reason);
}

describe('a fetch is aborted, with the reason of its signal,', { timeout: 60_000 }, () => {
  it('before it starts: no socket is opened, and the body is let go', async () => {
    const client = new HttpClient({ connect: () => assert.fail('no socket may be opened') });
    const cancelled = deferred<unknown>();
    const body = new ReadableStream({ cancel: cancelled.resolve });
    await rejectsWithReason(client.fetch('/', { method: 'POST', body, signal: AbortSignal.abort(reason) }));
    assert.equal(await cancelled.promise, reason);
  });

  it('by the signal of a Request object', async () => {
    const control = new AbortController();
    const client = new HttpClient({ connect: () => assert.fail('no socket may be opened') });
    const fetched = client.fetch(new Request('http://a.test/', { signal: control.signal }));
    control.abort(reason);
    await rejectsWithReason(fetched);
  });

  it('while it waits for a socket: it leaves the queue', async () => {
    const asked: (string | undefined)[] = [];
    await using upstream = await httpUpstream(
      (request, response) => {
        asked.push(request.url);
        response.write('x');
        finish = () => response.end();
      },
      { maxSockets: 1 },
    );
    let finish: () => void = () => undefined;
    const first = await upstream.client.fetch('/first');
    const control = new AbortController();
    const second = upstream.client.fetch('/second', { signal: control.signal });
    const third = upstream.client.fetch('/third');
    control.abort(reason);
    await rejectsWithReason(second);
    finish();
    await first.text();
    await third;
    assert.deepEqual(asked, ['/first', '/third']);
  });

  it('while it uploads: the body is cancelled and the socket closed', async () => {
    const control = new AbortController();
    const connected = deferred();
    await using upstream = await tcpUpstream((socket) => void socket.once('data', () => connected.resolve()));
    const cancelled = deferred<unknown>();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: cancelled.resolve,
    });
    const fetched = upstream.client.fetch('/', { method: 'POST', body, signal: control.signal });
    await connected.promise;
    control.abort(reason);
    await rejectsWithReason(fetched);
    assert.equal(await cancelled.promise, reason);
    await upstream.tcp.allClosed();
  });

  it('while the upstream holds the upload back', async () => {
    const control = new AbortController();
    const stuck = deferred();
    const write = () => {
      stuck.resolve();
      return never;
    };
    const closed = deferred<unknown>();
    const client = new HttpClient({
      connect: () => memorySocket({ read: () => never, write, onClose: closed.resolve }),
    });
    const fetched = client.fetch('/', { method: 'POST', body: 'text', signal: control.signal });
    await stuck.promise;
    control.abort(reason);
    await rejectsWithReason(fetched);
    await closed.promise;
    await client.close();
  });

  it('while it waits for the head: the socket is closed', async () => {
    const control = new AbortController();
    const asked = deferred();
    await using upstream = await httpUpstream(() => asked.resolve());
    const fetched = upstream.client.fetch('/', { signal: control.signal });
    await asked.promise;
    control.abort(reason);
    await rejectsWithReason(fetched);
    await upstream.tcp.allClosed();
  });

  it('in the middle of the body: the reader hears of it at once, and the socket is closed', async () => {
    const control = new AbortController();
    await using upstream = await httpUpstream((_, response) => void response.write('some'));
    const response = await upstream.client.fetch('/', { signal: control.signal });
    const reader = response.clone().body?.getReader();
    const text = response.text();
    assert.equal((await reader?.read())?.value?.length, 4);
    const next = reader?.read();
    control.abort(reason);
    await rejectsWithReason(next);
    await rejectsWithReason(text);
    await rejectsWithReason(reader?.closed);
    await upstream.tcp.allClosed();
  });

  it('in the middle of a body that nobody reads', async () => {
    const control = new AbortController();
    await using upstream = await httpUpstream((_, response) => void response.write('some'));
    const response = await upstream.client.fetch('/', { signal: control.signal });
    control.abort(reason);
    await upstream.tcp.allClosed();
    await rejectsWithReason(response.text());
  });

  it('on the way from one redirect to the next', async () => {
    const control = new AbortController();
    await using upstream = await httpUpstream((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/next' }).end();
      else control.abort(reason);
    });
    await rejectsWithReason(upstream.client.fetch('/', { signal: control.signal }));
    await upstream.tcp.allClosed();
  });
});

describe('an abort after the end', { timeout: 60_000 }, () => {
  it('changes nothing, neither for what has been read nor for who has the socket then', async () => {
    const control = new AbortController();
    await using upstream = await httpUpstream((_, response) => response.end('all'));
    const response = await upstream.client.fetch('/', { signal: control.signal });
    assert.equal(await response.text(), 'all');
    const next = upstream.client.fetch('/');
    control.abort(reason);
    assert.equal(await (await next).text(), 'all');
    assert.equal(upstream.tcp.sockets.length, 1);
  });

  it('leaves no listener behind at a signal that lives on', async () => {
    const control = new AbortController();
    const { signal } = control;
    const listeners = new Set<unknown>();
    const add = mock.method(signal, 'addEventListener', (_: string, listener: unknown) =>
      listeners.add(listener),
    );
    mock.method(signal, 'removeEventListener', (_: string, listener: unknown) => listeners.delete(listener));
    await using upstream = await httpUpstream((_, response) => response.end('all'));
    for (let i = 0; i < 3; i += 1) await (await upstream.client.fetch('/', { signal })).text();
    await assert.rejects(upstream.client.fetch('ftp://x.test/', { signal }));
    assert.deepEqual([add.mock.callCount(), listeners.size], [4, 0]);
  });
});
