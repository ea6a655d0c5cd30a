import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HttpClient } from '../../src/http/index.js';
import { deferred } from './deferred.js';
import { rejectsWith } from './failures.js';
import { memorySocket, never } from './memory-socket.js';
import { cannedUpstream, httpUpstream } from './upstream.js';

async function fetched(answer: string, init?: RequestInit): Promise<Response> {
  await using upstream = await cannedUpstream([answer]);
  const response = await upstream.client.fetch('/path?q#fragment', init);
  // What has come along with the head can be read when the connection is gone.
  return response;
}

describe('a response', { timeout: 60_000 }, () => {
  it('is a Response, with status, text, headers and URL', async () => {
    const response = await fetched(
      'HTTP/1.1 404 Not  Here\r\nX-One:  1 \r\nx-one: ä\r\nEmpty:\r\ncontent-length: 2\r\n\r\nno',
    );
    assert(response instanceof Response);
    assert.deepEqual([response.status, response.statusText, response.ok], [404, 'Not  Here', false]);
    assert.equal(response.headers.get('x-one'), '1, ä');
    assert.equal(response.headers.get('empty'), '');
    assert.equal(response.headers.get('content-length'), '2');
    assert.equal(response.url, 'http://upstream/path?q');
    assert.equal(response.redirected, false);
    assert.equal(await response.text(), 'no');
  });

  it('keeps Set-Cookie headers apart, also in its clones', async () => {
    const cookies = ['a=1; Expires=Mon, 23 Nov 2026 10:00:00 GMT', 'b=2'];
    const response = await fetched(
      `HTTP/1.1 200 OK\r\nset-cookie: ${cookies.join('\r\nset-cookie: ')}\r\ncontent-length: 4\r\n\r\ntext`,
    );
    const clone = response.clone();
    for (const either of [response, clone, clone.clone()]) {
      assert.deepEqual(either.headers.getSetCookie(), cookies);
      assert.equal(either.url, 'http://upstream/path?q');
      assert(either instanceof Response);
    }
    assert.deepEqual([await response.text(), await clone.text()], ['text', 'text']);
    assert.throws(() => response.clone(), TypeError);
  });

  it('has every way of reading that a Response has', async () => {
    await using upstream = await httpUpstream((_, response) => {
      response.setHeader('content-type', 'application/json').end('{"a":1}');
    });
    const response = await upstream.client.fetch('/');
    assert.equal((await response.clone().blob()).type, 'application/json');
    assert.equal((await response.clone().arrayBuffer()).byteLength, 7);
    assert.deepEqual(await response.json(), { a: 1 });
    const reader = (await upstream.client.fetch('/')).body?.getReader({ mode: 'byob' });
    const first = await reader?.read(new Uint8Array(3));
    assert.equal(String(Buffer.from(first?.value ?? [])), '{"a');
    await reader?.read(new Uint8Array(10));
    assert.equal((await reader?.read(new Uint8Array(10)))?.done, true);
  });

  const bodiless: [string, string, RequestInit | undefined][] = [
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
    ['204 with a length that is not so', 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', undefined],
    [
      '304 with the length of what was not sent',
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n',
      undefined,
    ],
    ['the answer to HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n', { method: 'HEAD' }],
    [
      'the answer to HEAD in chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
      { method: 'HEAD' },
    ],
  ];
  for (const [what, answer, init] of bodiless) {
    it(`has no body when it is ${what}, and leaves the connection for the next`, async () => {
      await using upstream = await cannedUpstream([
        answer,
        'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext',
      ]);
      const response = await upstream.client.fetch('/', init);
      assert.equal(response.body, null);
      assert.equal(await response.text(), '');
      assert.equal(await (await upstream.client.fetch('/')).text(), 'next');
      assert.equal(upstream.tcp.sockets.length, 1);
    });
  }

  it('has no body when it is 205, whatever is sent', async () => {
    await using upstream = await cannedUpstream(['HTTP/1.1 205 Reset Content\r\n\r\nnoise']);
    assert.equal((await upstream.client.fetch('/')).body, null);
    await upstream.tcp.allClosed();
  });

  it('has an empty body when its length is 0', async () => {
    const response = await fetched('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    assert(response.body !== null);
    assert.equal(await response.text(), '');
  });

  it('comes after interim ones, which are passed over', async () => {
    const interim =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 5\r\n\r\n';
    const response = await fetched(`${interim}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlast`);
    assert.equal(response.headers.get('link'), null);
    assert.equal(await response.text(), 'last');
  });

  it('must come within 15 minutes of the first interim one, however many follow', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const heard = deferred();
    const client = new HttpClient({
      connect: () => {
        let reads = 0;
        return memorySocket({
          read: () => {
            reads += 1;
            if (reads === 30) heard.resolve();
            return reads > 30 ? never : new Uint8Array(Buffer.from('HTTP/1.1 102 Processing\r\n\r\n'));
          },
        });
      },
    });
    const fetched = client.fetch('/');
    await heard.promise;
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(14 * 60_000);
    t.mock.timers.tick(60_000);
    await rejectsWith(fetched, 'connection', /interim responses, and no other in 15 minutes/);
  });

  it('needs no reason phrase, nor the space before it', async () => {
    const response = await fetched('HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n');
    assert.deepEqual([response.status, response.statusText], [200, '']);
  });

  it('may end with the connection, also in HTTP/1.0', async () => {
    await using upstream = await httpUpstream((_, response) => {
      response.removeHeader('transfer-encoding');
      response.useChunkedEncodingByDefault = false;
      response.shouldKeepAlive = false;
      response.write('a');
      response.end('b');
    });
    const response = await upstream.client.fetch('/');
    assert.deepEqual([response.headers.get('transfer-encoding'), await response.text()], [null, 'ab']);
    await upstream.tcp.allClosed();
  });

  it('may have trailers and chunk extensions, which are not shown', async () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n';
    const response = await fetched(`${head}3;a=b;c="d"\r\none\r\n3  \r\ntwo\r\n000\r\nx-late: 1\r\n\r\n`);
    assert.equal(await response.text(), 'onetwo');
    assert.equal(response.headers.get('x-late'), null);
  });
});
