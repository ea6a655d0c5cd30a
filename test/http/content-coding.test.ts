import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync, createGzip, constants } from 'node:zlib';

import { rejectsWith } from './failures.js';
import { httpUpstream, type Upstream } from './upstream.js';

const content = Buffer.concat([Buffer.from('text '.repeat(50_000)), randomBytes(100_000)]);

async function sending(coding: string, body: Uint8Array): Promise<Upstream> {
  return httpUpstream((_, response) => void response.setHeader('content-encoding', coding).end(body));
}

describe('a body is decoded', { timeout: 60_000 }, () => {
  const codings: [string, string, Uint8Array][] = [
    ['gzip', 'gzip', gzipSync(content)],
    ['gzip by its old name', 'X-GZIP', gzipSync(content)],
    ['deflate with its zlib header', 'deflate', deflateSync(content)],
    [
      'deflate with the zlib header of a small window',
      'deflate',
      deflateSync(content, { windowBits: 9, level: 1 }),
    ],
    ['deflate without the header', 'deflate', deflateRawSync(content)],
    ['deflate without the header, of a single byte', 'deflate', deflateRawSync(content)],
    ['two codings, the last one first', 'deflate, gzip', gzipSync(deflateSync(content))],
    ['identity', 'identity', content],
  ];
  for (const [what, coding, body] of codings) {
    it(`from ${what}`, async () => {
      await using upstream = await sending(coding, body);
      const response = await upstream.client.fetch('/');
      assert.equal(Buffer.compare(Buffer.from(await response.arrayBuffer()), content), 0);
      assert.equal(response.headers.get('content-encoding'), coding);
      assert.equal(response.headers.get('content-length'), String(body.length));
      await (await upstream.client.fetch('/')).arrayBuffer();
      assert.equal(upstream.tcp.sockets.length, 1, 'the socket is used again');
    });
  }

  it('as it comes, not when it is complete', async () => {
    let send: (text: string) => void = () => undefined;
    await using upstream = await httpUpstream((_, response) => {
      response.setHeader('content-encoding', 'gzip');
      const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
      gzip.pipe(response);
      send = (text) => gzip.write(text);
      send('first');
    });
    const reader = (await upstream.client.fetch('/')).body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader?.read())?.value, 'first');
    send('second');
    assert.equal((await reader?.read())?.value, 'second');
    await reader?.cancel();
    await upstream.tcp.allClosed();
  });

  it('when it is empty, although nothing is not valid gzip', async () => {
    await using upstream = await sending('gzip', new Uint8Array());
    assert.equal(await (await upstream.client.fetch('/')).text(), '');
  });
});

describe('a coded body', { timeout: 60_000 }, () => {
  it('is left as it is when nobody knows its coding, which is a mistake', async () => {
    for (const coding of [
      'none',
      'utf-8',
      'UTF8',
      'binary',
      'aws-chunked',
      'gzip, none',
      'compress',
      'br none',
    ]) {
      await using upstream = await sending(coding, Buffer.from('as it is'));
      const response = await upstream.client.fetch('/');
      assert.equal(await response.text(), 'as it is');
      assert.equal(response.headers.get('content-encoding'), coding);
    }
  });

  it('fails when its coding is known and cannot be decoded, which nobody has asked for', async () => {
    for (const coding of ['br', 'zstd', 'gzip, BR', 'gzip, gzip, gzip, gzip, gzip']) {
      await using upstream = await sending(coding, Buffer.from('coded'));
      await rejectsWith(upstream.client.fetch('/'), 'response', /coded as .* cannot be decoded/);
    }
  });

  it('is left as it is when the caller chose the coding', async () => {
    await using brotli = await sending('br', Buffer.from('coded'));
    const coded = await brotli.client.fetch('/', { headers: { 'accept-encoding': 'br' } });
    assert.equal(await coded.text(), 'coded');
    await using upstream = await sending('gzip', gzipSync('text'));
    const response = await upstream.client.fetch('/', { headers: { 'accept-encoding': 'gzip' } });
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), gzipSync('text'));
  });

  const spoiled: [string, string, Uint8Array][] = [
    ['is not what it is called', 'gzip', Buffer.from('plain text')],
    ['is damaged', 'gzip', gzipSync(content).fill(0xaa, 100, 200)],
    ['is cut short, though the message is complete', 'gzip', gzipSync(content).subarray(0, 1000)],
    ['is deflated and cut short', 'deflate', deflateSync(content).subarray(0, 1000)],
  ];
  for (const [what, coding, body] of spoiled) {
    it(`fails when it ${what}`, async () => {
      await using upstream = await sending(coding, body);
      const text = (await upstream.client.fetch('/')).text();
      await rejectsWith(text, 'response', new RegExp(`not valid ${coding}`));
    });
  }

  it('fails with the failure of the connection when that is lost', async () => {
    await using upstream = await httpUpstream((_, response) => {
      response.setHeader('content-encoding', 'gzip').write(gzipSync(content).subarray(0, 1000));
      response.socket?.end();
    });
    await rejectsWith((await upstream.client.fetch('/')).text(), 'connection');
  });

  it('fails with the reason of the signal when that aborts', async () => {
    await using upstream = await httpUpstream((_, response) => {
      response.setHeader('content-encoding', 'gzip').write(gzipSync(content).subarray(0, 1000));
    });
    const control = new AbortController();
    const text = (await upstream.client.fetch('/', { signal: control.signal })).text();
    const reason = new Error('enough');
    control.abort(reason);
    await assert.rejects(text, (error) => error === reason);
    await upstream.tcp.allClosed();
  });

  it('that inflates a thousandfold is not inflated ahead of its reader', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
    await using upstream = await sending('gzip', bomb);
    const before = process.memoryUsage().arrayBuffers;
    const reader = (await upstream.client.fetch('/')).body?.getReader();
    for (let i = 0; i < 10; i += 1) await reader?.read();
    assert(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
    await reader?.cancel();
    await upstream.tcp.allClosed();
  });
});
