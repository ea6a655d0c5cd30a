import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { rejectsWith } from './failures.js';
import { mirror, mirrored, streamOf } from './mirror.js';

describe('the body of a request', { timeout: 60_000 }, () => {
  const form = new FormData();
  form.set('field', 'value');
  const known: [string, BodyInit, string, RegExp | undefined][] = [
    ['a string', 'grüße', 'grüße', /^text\/plain;charset=utf-8$/i],
    ['a form', new URLSearchParams({ a: '1 2' }), 'a=1+2', /^application\/x-www-form-urlencoded/],
    ['a blob', new Blob(['blob'], { type: 'x/y' }), 'blob', /^x\/y$/],
    ['an array', new Uint8Array([104, 105]), 'hi', undefined],
  ];
  for (const [what, body, sent, type] of known) {
    it(`is ${what}, sent with its length and type`, async () => {
      const request = await mirrored('/', { method: 'POST', body });
      assert.equal(request.body, sent);
      assert.equal(request.headers['content-length'], String(Buffer.byteLength(sent)));
      assert.equal(request.headers['transfer-encoding'], undefined);
      if (type === undefined) assert.equal(request.headers['content-type'], undefined);
      else assert.match(request.headers['content-type'] ?? '', type);
    });
  }

  it('is a multipart form, with the boundary that its type names', async () => {
    const { headers, body } = await mirrored('/', { method: 'POST', body: form });
    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1];
    assert(boundary !== undefined && body.includes(`--${boundary}\r\n`) && body.includes('value'));
    assert.equal(headers['content-length'], String(body.length));
  });

  it('is a stream, sent in chunks, without a wish for half duplex', async () => {
    const body = streamOf(Buffer.from('one'), Buffer.alloc(0), Buffer.from('two'));
    const { headers, ...request } = await mirrored('/', { method: 'PUT', body });
    assert.equal(request.body, 'onetwo');
    assert.equal(headers['transfer-encoding'], 'chunked');
    assert.equal(headers['content-length'], undefined);
  });

  it('is said to be absent for POST and PUT, and not mentioned for others', async () => {
    assert.equal((await mirrored('/', { method: 'POST' })).headers['content-length'], '0');
    assert.equal((await mirrored('/', { method: 'PUT' })).headers['content-length'], '0');
    assert.equal((await mirrored('/', { method: 'DELETE' })).headers['content-length'], undefined);
  });

  it('is refused for GET, whatever it is', async () => {
    await rejectsWith(mirrored('/', { body: 'text' }), 'request');
    await rejectsWith(mirrored('/', { body: streamOf('x') }), 'request');
  });

  it('fails the fetch with its own error, and closes the socket', async () => {
    const broken = new Error('the disk is gone');
    await using upstream = await mirror();
    const body = new ReadableStream({ pull: (controller) => controller.error(broken) });
    const fetched = upstream.client.fetch('/', { method: 'POST', body });
    await assert.rejects(fetched, { name: 'TunnelFetchError', code: 'request', cause: broken });
    await upstream.tcp.allClosed();
  });

  it('is refused if its stream carries no bytes', async () => {
    const body = streamOf('text');
    await rejectsWith(mirrored('/', { method: 'POST', body }), 'request', /Uint8Array/);
  });
});
