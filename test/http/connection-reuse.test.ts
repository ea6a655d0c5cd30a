import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';

import { deferred } from './deferred.js';
import { cannedUpstream, httpUpstream, onRequestHead, tcpUpstream, type Upstream } from './upstream.js';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function text(upstream: Upstream, init?: RequestInit): Promise<string> {
  return (await upstream.client.fetch('/', init)).text();
}

describe('a socket', { timeout: 60_000 }, () => {
  it('carries one request after the other', async () => {
    await using upstream = await httpUpstream((_, response) => response.end('ok'));
    for (let i = 0; i < 5; i += 1) assert.equal(await text(upstream), 'ok');
    assert.equal(upstream.tcp.sockets.length, 1);
  });

  const notAgain: Record<string, string> = {
    'when the server closes it': 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok',
    'when the server is of HTTP/1.0': 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok',
    'when more has come than the response': `${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`,
    'when the server keeps it for a second only':
      'HTTP/1.1 200 OK\r\nkeep-alive: max=5, timeout=1\r\ncontent-length: 2\r\n\r\nok',
  };
  for (const [when, answer] of Object.entries(notAgain)) {
    it(`is closed and not used again ${when}`, async () => {
      await using upstream = await cannedUpstream([answer, OK]);
      assert.equal(await text(upstream), 'ok');
      await upstream.tcp.allClosed();
      assert.equal(await text(upstream), 'ok');
      assert.equal(upstream.tcp.sockets.length, 2);
    });
  }

  it('is used again when a server of HTTP/1.0 keeps it', async () => {
    const answer = 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok';
    await using upstream = await cannedUpstream([answer, OK]);
    assert.deepEqual([await text(upstream), await text(upstream)], ['ok', 'ok']);
    assert.equal(upstream.tcp.sockets.length, 1);
  });

  it('is closed when its response is cancelled', async () => {
    await using upstream = await httpUpstream((_, response) => void response.write('some'));
    await (await upstream.client.fetch('/')).body?.cancel();
    await upstream.tcp.allClosed();
  });

  it('stays open when a response is cancelled that was complete', async () => {
    await using upstream = await httpUpstream((_, response) => response.end('ok'));
    await (await upstream.client.fetch('/')).body?.cancel();
    assert.equal(await text(upstream), 'ok');
    assert.equal(upstream.tcp.sockets.length, 1);
  });
});

describe('an idle socket', { timeout: 60_000 }, () => {
  it('is closed after its time', async () => {
    await using upstream = await cannedUpstream([OK], { idleMs: 20 });
    await text(upstream);
    await upstream.tcp.allClosed();
  });

  it('is not kept at all if it may not be idle', async () => {
    await using upstream = await cannedUpstream([OK], { idleMs: 0 });
    await text(upstream);
    await upstream.tcp.allClosed();
  });

  const stirs: Record<string, (socket: Socket) => void> = {
    'on which something arrives': (socket) => socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n'),
    'that the server ends': (socket) => socket.end(),
    'that is reset': (socket) => socket.resetAndDestroy(),
  };
  for (const [what, stir] of Object.entries(stirs)) {
    it(`${what} is dropped, and nothing of it is taken for an answer`, async () => {
      const accepted: Socket[] = [];
      await using upstream = await tcpUpstream((socket) => {
        accepted.push(socket);
        onRequestHead(socket, () => socket.write(OK));
      });
      await text(upstream);
      for (const socket of accepted) stir(socket);
      await upstream.tcp.allClosed();
      assert.equal(await text(upstream), 'ok');
      assert.equal(upstream.tcp.sockets.length, 2);
    });
  }
});

describe('parallel requests', { timeout: 60_000 }, () => {
  it('share six sockets, 20 of them, first come, first served', async () => {
    const asked: (string | undefined)[] = [];
    const sixAsked = deferred();
    let most = 0;
    await using upstream = await httpUpstream((request, response) => {
      asked.push(request.url);
      most = Math.max(most, upstream.tcp.openCount());
      if (asked.length === 6) sixAsked.resolve();
      void sixAsked.promise.then(() => response.end(request.url));
    });
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    const texts = paths.map(async (path) => (await upstream.client.fetch(path)).text());
    assert.deepEqual(await Promise.all(texts), paths);
    assert.deepEqual([most, upstream.tcp.sockets.length], [6, 6]);
    assert.deepEqual(asked.slice(0, 6).sort(), paths.slice(0, 6).sort());
  });

  it('wait in line, and get their socket when a response has been read to its end', async () => {
    const asked: (string | undefined)[] = [];
    const answered = deferred();
    await using upstream = await httpUpstream(
      (request, response) => {
        asked.push(request.url);
        if (request.url === '/0') void answered.promise.then(() => response.end('ok'));
        else response.end('ok');
      },
      { maxSockets: 1 },
    );
    const paths = ['/0', '/1', '/2', '/3', '/4'];
    const texts = paths.map(async (path, i) => {
      const init = { method: i % 2 === 0 ? 'GET' : 'POST' };
      return (await upstream.client.fetch(path, init)).text();
    });
    answered.resolve();
    await Promise.all(texts);
    assert.deepEqual(asked, paths);
    assert.equal(upstream.tcp.openCount(), 1);
  });
});
