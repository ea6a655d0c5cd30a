import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';

import { rejectsWith } from './failures.js';
import { mirrored } from './mirror.js';
import { httpUpstream } from './upstream.js';

describe('a Request object', { timeout: 60_000 }, () => {
  it('is taken with its method, headers and body, whose length is found out', async () => {
    const request = new Request('http://a.test/form', {
      method: 'POST',
      body: new URLSearchParams({ a: 'b' }),
    });
    const { headers, ...got } = await mirrored(request);
    assert.deepEqual(got, { method: 'POST', url: '/form', body: 'a=b' });
    assert.equal(headers['content-length'], '3');
    assert.match(headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
  });

  it('is taken in the place of the options, for another URL', async () => {
    const request = new Request('https://page.test/app/form', {
      method: 'PATCH',
      headers: { 'x-one': '1' },
      body: 'text',
    });
    const { headers, ...got } = await mirrored('/form', request);
    assert.deepEqual(got, { method: 'PATCH', url: '/form', body: 'text' });
    assert.equal(headers['x-one'], '1');
    assert.equal(headers['content-length'], '4');
  });

  it('is taken in the mode of a navigation, which no script can give it', async () => {
    const request = new Request('http://a.test/page');
    Object.defineProperty(request, 'mode', { value: 'navigate' });
    assert.equal((await mirrored(request)).url, '/page');
    assert.equal((await mirrored('/other', request)).url, '/other');
  });

  it('has its options overridden by those given beside it', async () => {
    const request = new Request('http://a.test/', { method: 'POST', body: 'old', headers: { a: '1' } });
    const { method, body, headers } = await mirrored(request, {
      method: 'PUT',
      body: 'new',
      headers: { b: '2' },
    });
    assert.deepEqual([method, body, headers['a'], headers['b']], ['PUT', 'new', undefined, '2']);
  });

  it('is refused once its body has been used', async () => {
    const request = new Request('http://a.test/', { method: 'POST', body: 'text' });
    await request.text();
    await rejectsWith(mirrored(request), 'request');
  });

  it('has a body that pauses sent as a stream, from its start', async () => {
    await using upstream = await httpUpstream((request, response) => request.pipe(response));
    let writer: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (writer = controller) });
    const init: RequestInit & { duplex: string } = { method: 'POST', body, duplex: 'half' };
    writer?.enqueue(Buffer.from('before '));
    const response = await upstream.client.fetch(new Request('http://a.test/', init));
    writer?.enqueue(Buffer.from('after'));
    writer?.close();
    assert.equal(await response.text(), 'before after');
  });

  it('has a body that is no stream sent with its length, however large', async () => {
    const bytes = 6 * 1024 * 1024;
    await using upstream = await httpUpstream((request, response) => {
      const { 'transfer-encoding': coding = '', 'content-length': length = '' } = request.headers;
      void buffer(request).then((body) => response.end(`${coding} ${length} ${body.length}`));
    });
    const sent = async (request: Request) => (await upstream.client.fetch(request)).text();
    const init: RequestInit & { duplex: string } = { method: 'PATCH', duplex: 'half' };
    const bodies = [new Uint8Array(bytes), 'a'.repeat(bytes), new Blob([new Uint8Array(bytes)])];
    for (const body of bodies) {
      assert.equal(await sent(new Request('http://a.test/', { ...init, body })), ` ${bytes} ${bytes}`);
    }
    const body = new Blob([new Uint8Array(bytes)]).stream();
    assert.equal(await sent(new Request('http://a.test/', { ...init, body })), `chunked  ${bytes}`);
  });

  it('that was made of another has its body sent as that would', async () => {
    const first = new Request('http://a.test/', { method: 'POST', body: 'text' });
    const { body, headers } = await mirrored(new Request(first, { headers: { a: '1' } }));
    assert.deepEqual([body, headers['content-length'], headers['a']], ['text', '4', '1']);
  });

  it('is refused while its body is being read elsewhere', async () => {
    const request = new Request('http://a.test/', { method: 'POST', body: 'text' });
    request.body?.getReader();
    await rejectsWith(mirrored(request), 'request', /read elsewhere/);
  });
});
