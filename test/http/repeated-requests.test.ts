import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HttpClient } from '../../src/http/index.js';
import { rejectsWith } from './failures.js';
import { streamOf } from './mirror.js';
import { cannedUpstream, httpUpstream, onRequestHead, tcpUpstream, type Upstream } from './upstream.js';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function text(upstream: Upstream, init?: RequestInit): Promise<string> {
  return (await upstream.client.fetch('/', init)).text();
}

/** Answers the first request of each connection, unless the answer is empty, and ends the connection at the next one. */
async function forgetful(answerTo: (connection: number) => string): Promise<Upstream & { heads: string[] }> {
  const heads: string[] = [];
  let connections = 0;
  const upstream = await tcpUpstream((socket) => {
    const connection = (connections += 1);
    let requests = 0;
    onRequestHead(socket, (head) => {
      heads.push(head.split(' ', 1)[0] ?? '');
      requests += 1;
      if (requests === 1 && answerTo(connection) !== '') socket.write(answerTo(connection));
      else socket.destroy();
    });
  });
  return Object.assign(upstream, { heads });
}

describe('a request that finds its idle socket gone', { timeout: 60_000 }, () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
    it(`is sent once more over a new one: ${method}`, async () => {
      await using upstream = await forgetful(() => OK);
      await text(upstream);
      const response = await upstream.client.fetch('/', { method });
      assert.equal(response.status, 200);
      assert.deepEqual(upstream.heads, ['GET', method, method]);
    });
  }

  it('is not sent a third time', async () => {
    await using upstream = await forgetful((connection) => (connection === 1 ? OK : ''));
    await text(upstream);
    await rejectsWith(text(upstream), 'connection');
    assert.deepEqual(upstream.heads, ['GET', 'GET', 'GET']);
  });

  it('is not sent again when an answer had begun', async () => {
    let requests = 0;
    await using upstream = await tcpUpstream((socket) => {
      onRequestHead(socket, () => {
        requests += 1;
        if (requests === 1) socket.write(OK);
        else socket.end('HTTP/1.1 200');
      });
    });
    await text(upstream);
    await rejectsWith(text(upstream), 'connection');
    assert.deepEqual([requests, upstream.tcp.sockets.length], [2, 1]);
  });
});

describe('a request that cannot be repeated', { timeout: 60_000 }, () => {
  it('never goes out on an idle socket, which may be gone', async () => {
    await using upstream = await forgetful(() => OK);
    await text(upstream);
    assert.equal(await text(upstream, { method: 'POST', body: 'text' }), 'ok');
    assert.equal(await text(upstream, { method: 'PUT', body: streamOf(Buffer.from('text')) }), 'ok');
    assert.equal(upstream.tcp.sockets.length, 3);
  });

  it('leaves its socket for others', async () => {
    await using upstream = await httpUpstream((_, response) => response.end('ok'));
    await text(upstream, { method: 'POST', body: 'text' });
    await text(upstream);
    assert.equal(upstream.tcp.sockets.length, 1);
  });

  it('makes room for its socket where idle ones take it all up', async () => {
    await using upstream = await cannedUpstream([OK, OK, OK], { maxSockets: 1 });
    for (let i = 0; i < 3; i += 1) assert.equal(await text(upstream, { method: 'POST' }), 'ok');
    assert.deepEqual([upstream.tcp.sockets.length, upstream.tcp.openCount()], [3, 1]);
  });

  it('fails with a typed error when its connection ends, and is not sent twice', async () => {
    let requests = 0;
    await using upstream = await tcpUpstream((socket) => {
      onRequestHead(socket, () => {
        requests += 1;
        socket.destroy();
      });
    });
    await rejectsWith(text(upstream, { method: 'POST' }), 'connection');
    assert.equal(requests, 1);
  });

  it('fails with a typed error when the upstream cannot be reached', async () => {
    const upstream = await tcpUpstream(() => undefined);
    const { connect } = upstream.tcp;
    await upstream[Symbol.asyncDispose]();
    await rejectsWith(new HttpClient({ connect }).fetch('/'), 'connection');
  });
});
