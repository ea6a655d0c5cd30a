import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';

import { SHA256_HEADER, startDemoUpstream } from '../../src/demo/upstream.js';

const IN_TIME = { timeout: 60_000 };

async function start(t: TestContext): Promise<string> {
  const upstream = await startDemoUpstream();
  t.after(() => upstream.close());
  return `http://${upstream.address}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What the server answers to exactly these bytes, until it ends the connection. */
async function answerTo(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(request);
  return text(socket);
}

describe('the demo upstream', IN_TIME, () => {
  it('tells with each page what it sent', async (t) => {
    const base = await start(t);
    for (const path of ['/', '/about.html', '/nowhere']) {
      const response = await fetch(base + path);
      assert.equal(response.status, path === '/nowhere' ? 404 : 200);
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
      const body = new Uint8Array(await response.arrayBuffer());
      assert.equal(response.headers.get(SHA256_HEADER), sha256(body));
      assert.match(new TextDecoder().decode(body), /^<!doctype html>/);
    }
  });

  it('says on its first page which way the request came', async (t) => {
    const base = await start(t);
    assert.match(await (await fetch(base)).text(), /<h1>This page came without a mixnet/);
    const tunnelled = await answerTo(
      base,
      'GET / HTTP/1.1\r\nhost: 127.0.0.1:8070\r\nconnection: close\r\n\r\n',
    );
    assert.match(tunnelled, /<h1>This page came through a mixnet/);
  });

  it('sends a large file that is the same every time, and its hash', async (t) => {
    const base = await start(t);
    const fetchBytes = async (path: string) => {
      const response = await fetch(base + path);
      return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
    };
    const one = await fetchBytes('/large.bin');
    assert.equal(one.bytes.length, 1024 * 1024);
    assert.equal(one.response.headers.get(SHA256_HEADER), sha256(one.bytes));
    const three = await fetchBytes('/large.bin?mib=3');
    assert.equal(three.bytes.length, 3 * 1024 * 1024);
    assert.deepEqual(three.bytes.subarray(0, one.bytes.length), one.bytes);
    const hash = await fetch(`${base}/large.bin.sha256?mib=3`);
    assert.equal(await hash.text(), `${sha256(three.bytes)}  large.bin\n`);
    const head = await fetch(`${base}/large.bin?mib=64`, { method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), String(64 * 1024 * 1024));
  });

  it('refuses sizes that it does not have', async (t) => {
    const base = await start(t);
    for (const mib of ['0', '65', '1.5', '-1', '1e1', 'x', '']) {
      for (const file of ['large.bin', 'large.bin.sha256']) {
        const response = await fetch(`${base}/${file}?mib=${mib}`);
        assert.equal(response.status, 400);
        assert.match(await response.text(), /from 1 to 64/);
      }
    }
  });

  it('gives back what is posted to /echo, and says what arrived at /upload', async (t) => {
    const base = await start(t);
    const body = randomBytes(300_000);
    const echoed = await fetch(`${base}/echo`, { method: 'POST', body });
    assert.deepEqual(Buffer.from(await echoed.arrayBuffer()), body);
    const taken = await fetch(`${base}/upload`, { method: 'POST', body });
    assert.deepEqual(await taken.json(), { sha256: sha256(body), bytes: body.length });
  });

  it('sends numbered events', async (t) => {
    const base = await start(t);
    const response = await fetch(`${base}/events`);
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    assert(response.body);
    let seen = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      seen += chunk;
      if (seen.includes('id: 2\ndata: event 2')) break;
    }
    assert.match(seen, /^id: 1\ndata: event 1, sent at \S+Z\n\nid: 2\n/);
  });

  it('names the methods that a path is for', async (t) => {
    const base = await start(t);
    for (const [method, path, allowed] of [
      ['GET', '/echo', 'POST'],
      ['PUT', '/upload', 'POST'],
      ['POST', '/', 'GET, HEAD'],
      ['DELETE', '/events', 'GET, HEAD'],
    ] as const) {
      const response = await fetch(base + path, { method });
      assert.deepEqual([response.status, response.headers.get('allow')], [405, allowed]);
    }
  });

  it('answers whatever it is asked for', async (t) => {
    const base = await start(t);
    for (const target of [
      '//',
      '/%',
      '/%00',
      '*',
      'http://elsewhere/',
      '/large.bin?mib=%',
      '?',
      ':99999999/',
    ]) {
      const answer = await answerTo(base, `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 [24]\d\d /, target);
    }
    assert.match(await answerTo(base, 'no request\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.equal((await fetch(base)).status, 200);
  });

  it('ends with all its connections', async () => {
    const upstream = await startDemoUpstream();
    const [host = '', port] = upstream.address.split(':');
    const socket = connect(Number(port), host);
    socket.write('GET /events HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await upstream.close();
    await closed;
  });
});
