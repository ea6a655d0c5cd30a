import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import type { FetchRequest } from '../../src/http/fetch-request.js';
import { allowedHeaders, requestHead } from '../../src/http/request-head.js';
import { rejectsWith } from './failures.js';
import { mirrored } from './mirror.js';
import { onRequestHead, tcpUpstream } from './upstream.js';

describe('the head of a request', { timeout: 60_000 }, () => {
  it('is, byte for byte, what it needs and nothing that tells who asks', async () => {
    let head = '';
    await using upstream = await tcpUpstream((socket) => {
      onRequestHead(socket, (received) => {
        head = received;
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    await upstream.client.fetch('/a/b?c=d e#fragment');
    const expected = [
      'GET /a/b?c=d%20e HTTP/1.1',
      'host: upstream',
      'accept: */*',
      'accept-encoding: gzip, deflate',
    ];
    assert.equal(head, `${expected.join('\r\n')}\r\n\r\n`);
  });

  it('names the host of the URL, whichever it is, with its port', async () => {
    const { headers } = await mirrored('http://shop.example:8080/');
    assert.equal(headers['host'], 'shop.example:8080');
  });

  it('carries the headers of the caller, also those that browsers keep to themselves', async () => {
    const { headers } = await mirrored('/', {
      headers: { 'X-One': 'ä', Cookie: 'a=1', Accept: 'text/html', 'Accept-Encoding': 'br' },
    });
    assert.equal(headers['x-one'], 'ä');
    assert.equal(headers['cookie'], 'a=1');
    assert.equal(headers['accept'], 'text/html');
    assert.equal(headers['accept-encoding'], 'br');
  });

  it('leaves out the headers that say where a message ends, silently', async () => {
    const given = {
      host: 'evil',
      connection: 'close',
      'content-length': '7',
      'transfer-encoding': 'chunked',
    };
    const { headers } = await mirrored('/', {
      headers: { ...given, 'keep-alive': '1', te: 'trailers', upgrade: 'h2c', expect: '100-continue' },
    });
    assert.deepEqual(Object.keys(headers).sort(), ['accept', 'accept-encoding', 'host']);
    assert.equal(headers['host'], 'upstream');
  });

  it('asks for no content coding of a range', async () => {
    const { headers } = await mirrored('/', { headers: { range: 'bytes=0-1' } });
    assert.equal(headers['accept-encoding'], 'identity');
  });

  it('has the method in capitals', async () => {
    assert.equal((await mirrored('/', { method: 'delete' })).method, 'DELETE');
  });

  for (const method of ['CONNECT', 'TRACE', 'GE T', 'GET\r\nx: y']) {
    it(`refuses the method ${JSON.stringify(method)}`, async () => {
      await rejectsWith(mirrored('/', { method }), 'request');
    });
  }

  for (const headers of [{ 'x y': '1' }, { x: 'a\r\nb: c' }, { x: 'a\nb' }, { x: 'a\0b' }, { x: '€' }]) {
    it(`refuses the header ${JSON.stringify(headers)}`, async () => {
      await rejectsWith(mirrored('/', { headers }), 'request');
    });
  }

  it('has one line for each header whatever is in names, values, paths and queries', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('\r', '\n', '\0', ' ', ':', '\t', 'a', 'ä', '€', '/', '?', '#'),
    });
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, (name, value, path, search) => {
        const url = new URL('http://upstream/');
        url.pathname = path;
        url.search = search;
        for (const [field, content] of [
          ['x-safe', value],
          [`x-${name}`, 'safe'],
        ] as const) {
          const head = headOf(url, field, content);
          if (head === undefined) continue;
          const [first, ...lines] = head.slice(0, -4).split('\r\n');
          assert.match(first ?? '', /^GET \/[!-~]* HTTP\/1\.1$/);
          assert.equal(lines.length, 4);
          for (const line of lines) assert.match(line, /^[^:\s\0]+: [\t -~\x80-\xff]*$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** `undefined` if the header is refused. */
function headOf(url: URL, name: string, value: string): string | undefined {
  try {
    const headers = allowedHeaders([[name, value]]);
    const request: FetchRequest = { method: 'GET', url, headers, body: undefined, redirect: 'follow' };
    return String.fromCharCode(...requestHead(request));
  } catch {
    return undefined;
  }
}
