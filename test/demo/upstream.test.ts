import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';

import { WebSocket } from 'ws';

import { startDemoUpstream } from '../../src/demo/upstream.js';
import { SHA256_HEADER } from '../../src/demo/upstream-routes.js';

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

  it('links its pages so that they hold under any path', async (t) => {
    const base = await start(t);
    for (const path of ['/', '/about.html', '/nowhere', '/no/where/']) {
      const page = await (await fetch(base + path)).text();
      const links = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link = '']) => link);
      for (const link of links.filter((link) => !link.startsWith('data:'))) {
        assert.doesNotMatch(link, /^\//);
        const linked = await fetch(new URL(link, base + path), { method: 'HEAD' });
        assert.equal(linked.status, 200, `${link} on ${path}`);
      }
    }
  });

  it('gives the pages a style sheet, a picture and a script of their own', async (t) => {
    const base = await start(t);
    for (const [path, type] of [
      ['/style.css', 'text/css; charset=utf-8'],
      ['/way.svg', 'image/svg+xml'],
      ['/index.js', 'text/javascript; charset=utf-8'],
    ] as const) {
      const response = await fetch(base + path);
      assert.deepEqual([response.status, response.headers.get('content-type')], [200, type]);
    }
    const index = await (await fetch(base)).text();
    assert.match(index, /"style\.css".*"way\.svg".*"index\.js"/s);
  });

  it('sends any range of the large file', async (t) => {
    const base = await start(t);
    const whole = Buffer.from(await (await fetch(`${base}/large.bin`)).arrayBuffer());
    const size = whole.length;
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=1-70000', 1, 70_001],
      ['bytes=65537-', 65_537, size],
      ['bytes=-100', size - 100, size],
      ['bytes=-99999999', 0, size],
      ['bytes=1048575-99999999', size - 1, size],
    ] as const) {
      const response = await fetch(`${base}/large.bin`, { headers: { range } });
      assert.equal(response.status, 206, range);
      assert.equal(response.headers.get('content-range'), `bytes ${start}-${end - 1}/${size}`);
      assert(Buffer.from(await response.arrayBuffer()).equals(whole.subarray(start, end)), range);
    }
    for (const range of ['bytes=1048576-', 'bytes=-0']) {
      const response = await fetch(`${base}/large.bin`, { headers: { range } });
      assert.deepEqual([response.status, response.headers.get('content-range')], [416, `bytes */${size}`]);
    }
  });

  it('sends the whole file for a range that it does not understand, or of another file', async (t) => {
    const base = await start(t);
    const headersOf = async (headers: Record<string, string>) => {
      const response = await fetch(`${base}/large.bin`, { headers });
      await response.body?.cancel();
      return response;
    };
    const { status, headers } = await headersOf({ range: 'bytes=0-1,4-5' });
    assert.equal(status, 200);
    assert.equal(headers.get('accept-ranges'), 'bytes');
    for (const range of ['bytes=5-4', 'bytes=-', 'lines=1-2', 'bytes=a-b']) {
      assert.equal((await headersOf({ range })).status, 200, range);
    }
    const etag = headers.get('etag') ?? '';
    assert.equal((await headersOf({ range: 'bytes=0-9', 'if-range': etag })).status, 206);
    assert.equal((await headersOf({ range: 'bytes=0-9', 'if-range': '"other"' })).status, 200);
  });

  it('gives back WebSocket messages, text as text and bytes as bytes', async (t) => {
    const base = await start(t);
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`);
    t.after(() => socket.terminate());
    await once(socket, 'open');
    for (const [data, isBinary] of [
      ['text', false],
      [randomBytes(300_000), true],
      ['', false],
    ] as const) {
      const message = once(socket, 'message') as Promise<[Buffer, boolean]>;
      socket.send(data);
      assert.deepEqual(await message, [Buffer.from(data), isBinary]);
    }
    const closed = once(socket, 'close');
    socket.close(4000);
    assert.equal(((await closed) as [number])[0], 4000);
  });

  it('reads no more WebSocket messages than it can give back', async (t) => {
    const base = await start(t);
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`);
    t.after(() => socket.terminate());
    await once(socket, 'open');
    socket.pause();
    const message = Buffer.alloc(256 * 1024);
    const count = 200;
    for (let sent = 0; sent < count; sent += 1) socket.send(message);
    // What neither side holds in memory for the other waits here; it comes back all the same.
    let came = 0;
    const all = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        assert.equal(data.length, message.length);
        came += 1;
        if (came === count) resolve();
      });
    });
    socket.resume();
    await all;
  });

  it('has WebSockets only where it says', async (t) => {
    const base = (await start(t)).replace('http', 'ws');
    for (const path of ['/', '/wsx', '/ws/']) {
      const socket = new WebSocket(base + path);
      const [error] = (await once(socket, 'error')) as [Error];
      assert.match(error.message, /404/);
    }
    const plain = await fetch(`${base.replace('ws', 'http')}/ws`);
    assert.deepEqual([plain.status, plain.headers.get('upgrade')], [426, 'websocket']);
  });

  it('gives back lines that begin no request', async (t) => {
    const base = await start(t);
    for (const lines of [
      'hello\n',
      'hello world\r\nGET / HTTP/1.1\r\n\r\n',
      'GET lost\r\n',
      'GET / HTTP\n',
      'PING',
      'PUT',
      'GET /never/ended',
      '*1\r\n$4\r\nPING\r\n',
      '\r\n',
      '',
      '\u0000\u0001binary',
    ]) {
      assert.equal(await answerTo(base, lines), lines);
    }
    const long = `x${'y'.repeat(3_000_000)}`;
    assert.equal(await answerTo(base, long), long);
  });

  it('gives back a line at once, however its bytes come', async (t) => {
    const { hostname, port } = new URL(await start(t));
    const socket = connect(Number(port), hostname).setEncoding('utf8').setNoDelay();
    t.after(() => socket.destroy());
    let came = '';
    socket.on('data', (text: string) => (came += text));
    for (const [piece, whole] of [
      ['GE', undefined],
      ['T nothing\n', 'GET nothing\n'],
      ['two\n', 'GET nothing\ntwo\n'],
    ] as const) {
      socket.write(piece);
      while (whole !== undefined && came !== whole) await once(socket, 'data');
    }
  });

  it('takes a request whose bytes come one by one, and another on the same connection', async (t) => {
    const { hostname, port } = new URL(await start(t));
    const socket = connect(Number(port), hostname).setNoDelay();
    const answers = text(socket);
    for (const byte of 'GET /large.bin.sha256 HTTP/1.1\r\nhost: x\r\n\r\n') {
      await new Promise((resolve) => socket.write(byte, resolve));
    }
    socket.end('GET /about.html HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.equal((await answers).match(/HTTP\/1\.1 200 OK/g)?.length, 2);
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
    assert.match(await answerTo(base, 'GET / HTTP/1.1\r\nno header\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.equal((await fetch(base)).status, 200);
  });

  it('ends with all its connections', async () => {
    const upstream = await startDemoUpstream();
    const [host = '', port] = upstream.address.split(':');
    const socket = connect(Number(port), host);
    socket.write('GET /events HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    const echoed = connect(Number(port), host);
    echoed.write('hello\n');
    await once(echoed, 'data');
    const webSocket = new WebSocket(`ws://${upstream.address}/ws`);
    await once(webSocket, 'open');
    const closed = [socket, echoed, webSocket].map((open) => once(open, 'close'));
    await upstream.close();
    await Promise.all(closed);
  });
});
