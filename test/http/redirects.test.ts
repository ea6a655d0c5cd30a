import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';

import { rejectsWith } from './failures.js';
import { streamOf } from './mirror.js';
import { httpUpstream } from './upstream.js';

/** Redirects from `/<status>` to `location`, and answers with the request's first line, headers and body elsewhere. */
function redirecting(location = '/end'): RequestListener {
  return (request, response) => {
    void text(request).then((body) => {
      const { method, url = '', headers } = request;
      if (/^\/\d{3}$/.test(url)) response.writeHead(Number(url.slice(1)), { location }).end('moved');
      else response.end(JSON.stringify({ at: `${method} ${headers.host}${url}`, headers, body }));
    });
  };
}

interface Arrived {
  readonly at: string;
  readonly headers: Record<string, string | undefined>;
  readonly body: string;
}

async function arrived(response: Response): Promise<Arrived> {
  return (await response.json()) as Arrived;
}

describe('a redirect', { timeout: 60_000 }, () => {
  const rules: [number, string, string, string][] = [
    [301, 'GET', 'GET', ''],
    [301, 'POST', 'GET', ''],
    [301, 'PUT', 'PUT', 'body'],
    [302, 'POST', 'GET', ''],
    [302, 'DELETE', 'DELETE', 'body'],
    [303, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'body'],
    [308, 'PUT', 'PUT', 'body'],
  ];
  for (const [status, method, then, body] of rules) {
    it(`by ${status} makes ${method} a ${then}${body ? ' with its body' : ''}`, async () => {
      await using upstream = await httpUpstream(redirecting());
      const response = await upstream.client.fetch(`/${status}`, {
        method,
        headers: { 'x-one': '1', 'content-language': 'en' },
        ...(method !== 'GET' && { body: 'body' }),
      });
      assert.deepEqual([response.redirected, response.url], [true, 'http://upstream/end']);
      const end = await arrived(response);
      assert.deepEqual([end.at, end.body, end.headers['x-one']], [`${then} upstream/end`, body, '1']);
      const described = then === method;
      assert.equal(end.headers['content-type'] !== undefined, described && method !== 'GET');
      assert.equal(end.headers['content-language'] !== undefined, described);
    });
  }

  it('of HEAD by 303 stays HEAD', async () => {
    await using upstream = await httpUpstream(redirecting());
    const response = await upstream.client.fetch('/303', { method: 'HEAD' });
    assert.deepEqual([response.status, response.url], [200, 'http://upstream/end']);
  });

  it('goes on over the same socket', async () => {
    await using upstream = await httpUpstream(redirecting());
    await (await upstream.client.fetch('/302')).text();
    assert.equal(upstream.tcp.sockets.length, 1);
  });

  it('resolves against the URL it comes from', async () => {
    await using upstream = await httpUpstream((request, response) => {
      if (request.url === '/a/b') response.writeHead(302, { location: 'c?d#e' });
      response.end();
    });
    assert.equal((await upstream.client.fetch('http://else.test/a/b')).url, 'http://else.test/a/c?d');
  });

  it('without a Location, or with a status that is none, is the response itself', async () => {
    await using upstream = await httpUpstream((request, response) => {
      if (request.url === '/300') response.setHeader('location', '/end');
      response.writeHead(request.url === '/300' ? 300 : 302).end('here');
    });
    for (const path of ['/300', '/302']) {
      const response = await upstream.client.fetch(path);
      assert.deepEqual([response.redirected, await response.text()], [false, 'here']);
    }
  });

  it('is followed 20 times and no more', async () => {
    await using upstream = await httpUpstream(({ url = '' }, response) => {
      const left = Number(url.slice(1));
      if (left > 0) response.writeHead(302, { location: `/${left - 1}` });
      response.end('end');
    });
    assert.equal(await (await upstream.client.fetch('/20')).text(), 'end');
    await rejectsWith(upstream.client.fetch('/21'), 'redirect', /more than 20/);
  });

  it('of a request whose body is a stream is an error, but for 303', async () => {
    await using upstream = await httpUpstream(redirecting());
    const post = (path: string) =>
      upstream.client.fetch(path, { method: 'POST', body: streamOf(Buffer.from('a')) });
    for (const path of ['/301', '/302', '/307', '/308']) await rejectsWith(post(path), 'redirect', /stream/);
    assert.equal((await arrived(await post('/303'))).at, 'GET upstream/end');
  });

  it('can be an error', async () => {
    await using upstream = await httpUpstream(redirecting());
    await rejectsWith(upstream.client.fetch('/302', { redirect: 'error' }), 'redirect', /\/end/);
    assert.equal((await upstream.client.fetch('/', { redirect: 'error' })).status, 200);
  });

  it('can be had as it is, with status, headers and body', async () => {
    await using upstream = await httpUpstream(redirecting('https://far.test/'));
    const response = await upstream.client.fetch('/302', { redirect: 'manual' });
    assert.deepEqual(
      [response.status, response.headers.get('location'), response.redirected, await response.text()],
      [302, 'https://far.test/', false, 'moved'],
    );
  });
});

describe('a redirect to another origin', { timeout: 60_000 }, () => {
  it('is an error that names it, as no socket leads there', async () => {
    for (const [location, why] of [
      ['http://far.test/x', /http:\/\/far\.test\/x.*does not reach/],
      ['http://upstream:8080/', /http:\/\/upstream:8080\/.*does not reach/],
      ['https://upstream/', /which the tunnel does not reach/],
      ['file:///etc/passwd', /only http:/],
      ['http://user:secret@upstream/', /credentials/],
      ['http://', /not a valid URL/],
    ] as const) {
      await using upstream = await httpUpstream(redirecting(location));
      await rejectsWith(upstream.client.fetch('/302'), 'redirect', why);
    }
  });

  it('is followed to that of the base URL and back, without what was meant for the first', async () => {
    await using upstream = await httpUpstream(redirecting('http://upstream/end'));
    const headers = { authorization: 'secret', cookie: 'a=1', 'x-one': '1' };
    const end = await arrived(await upstream.client.fetch('http://first.test/302', { headers }));
    assert.equal(end.at, 'GET upstream/end');
    assert.deepEqual(
      [end.headers['authorization'], end.headers['cookie'], end.headers['x-one']],
      [undefined, undefined, '1'],
    );
    await using back = await httpUpstream(redirecting('http://first.test/end'));
    const same = await arrived(await back.client.fetch('http://first.test/302', { headers }));
    assert.equal(same.headers['authorization'], 'secret');
  });
});
