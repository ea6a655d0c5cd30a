import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { TunnelWebSocket, WebSocketFailureEvent } from '../../src/websocket/index.js';
import { acceptFor } from '../../src/websocket/handshake.js';
import { closeOf, deferred, failureOf, watch } from './events.js';
import { acceptance, startRawUpstream } from './raw-upstream.js';
import { tcpConnect } from '../support/tcp-connect.js';

const IN_TIME = { timeout: 20_000 };
const FAILED = { code: 1006, reason: '', wasClean: false };

/** What the client makes of an answer, written from the key in its request. */
async function outcome(
  t: TestContext,
  answer: (key: string) => string | Buffer,
  protocols: string[] = [],
): Promise<{ opened: boolean; protocol: string; message: string }> {
  const connect = await startRawUpstream(t, async (peer) => {
    const lines = await peer.readRequest();
    peer.write(answer(lines.find((line) => line.startsWith('Sec-WebSocket-Key: '))?.slice(19) ?? ''));
    peer.socket.end();
  });
  const socket = new TunnelWebSocket(connect, 'ws://upstream/', protocols);
  let opened = false;
  let message = '';
  socket.onopen = () => (opened = true);
  socket.onerror = (event) => {
    assert(event instanceof WebSocketFailureEvent);
    message = String(event.error);
  };
  assert.deepEqual(await closeOf(socket), FAILED);
  return { opened, protocol: socket.protocol, message };
}

describe('the opening handshake', IN_TIME, () => {
  it('computes the answer to a key as RFC 6455 does', async () => {
    assert.equal(await acceptFor('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('asks as RFC 6455 says, with the path and query and without the fragment', async (t) => {
    const requests: Promise<string[]>[] = [];
    const connect = await startRawUpstream(t, async (peer) => {
      requests.push(peer.readRequest());
      await requests.at(-1);
      peer.socket.end();
    });
    const socket = new TunnelWebSocket(connect, 'http://Upstream:80/a%20b?c=d#e', ['one', 'two']);
    assert.equal(socket.url, 'ws://upstream/a%20b?c=d');
    await closeOf(socket);
    const other = new TunnelWebSocket(connect, new URL('ws://upstream:8080'));
    assert.equal(other.url, 'ws://upstream:8080/');
    await closeOf(other);
    const [lines = [], otherLines = []] = await Promise.all(requests);
    const key = lines.find((line) => line.startsWith('Sec-WebSocket-Key: ')) ?? '';
    assert.equal(Buffer.from(key.slice(19), 'base64').length, 16);
    assert.deepEqual(lines, [
      'GET /a%20b?c=d HTTP/1.1',
      'Host: upstream',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Origin: http://upstream',
      key,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: one, two',
    ]);
    assert(!otherLines.includes(key), 'a key is used once');
    assert(otherLines.includes('Host: upstream:8080'));
    assert(!otherLines.some((line) => line.startsWith('Sec-WebSocket-Protocol')));
  });

  it('takes an answer that is right, in any case and order', async (t) => {
    const right = (key: string) =>
      acceptance(key)
        .replace('Upgrade: websocket', 'UPGRADE:  WebSocket ')
        .replace(': Upgrade', ': keep-alive, upgrade');
    assert.deepEqual(await outcome(t, right), { opened: true, protocol: '', message: '' });
  });

  it('tells which of its protocols the server chose', async (t) => {
    const right = (key: string) => acceptance(key, 'Sec-WebSocket-Protocol: two');
    assert.deepEqual(await outcome(t, right, ['one', 'two']), { opened: true, protocol: 'two', message: '' });
  });

  it('fails if the answer is wrong', async (t) => {
    const wrong: [RegExp, (key: string) => string | Buffer, string[]?][] = [
      [/status 200/, (key) => acceptance(key).replace('101', '200')],
      [/status 302/, () => 'HTTP/1.1 302 Found\r\nlocation: ws://elsewhere/\r\n\r\n'],
      [/something else than HTTP/, (key) => acceptance(key).replace('HTTP/1.1', 'HTTP/1.0')],
      [/something else than HTTP/, () => '+PONG\r\n\r\n'],
      [/no Upgrade/, (key) => acceptance(key).replace('Upgrade: websocket', 'Upgrade: h2c')],
      [/no Connection/, (key) => acceptance(key).replace('Connection: Upgrade', 'Connection: close')],
      [/no Sec-WebSocket-Accept/, () => acceptance('another key')],
      [/no Sec-WebSocket-Accept/, (key) => acceptance(key).replace(/Sec-WebSocket-Accept.*\r\n/, '')],
      [/chose extensions/, (key) => acceptance(key, 'Sec-WebSocket-Extensions: permessage-deflate')],
      [/was not offered/, (key) => acceptance(key, 'Sec-WebSocket-Protocol: one')],
      [/was not offered/, (key) => acceptance(key, 'Sec-WebSocket-Protocol: ONE'), ['one']],
      [/none of the protocols one/, (key) => acceptance(key), ['one']],
      [/header that is none/, (key) => acceptance(key, ' folded')],
      [/header that is none/, (key) => acceptance(key, 'bad name: x')],
      [/header that is none/, (key) => acceptance(key, 'bare: line\nfeed')],
      [/too long/, (key) => acceptance(key, `big: ${'x'.repeat(16 * 1024)}`)],
      [/ended the connection before/, (key) => acceptance(key).slice(0, -2)],
      [/ended the connection before/, () => ''],
    ];
    for (const [pattern, answer, protocols] of wrong) {
      const { opened, message } = await outcome(t, answer, protocols);
      assert.match(message, pattern);
      assert.equal(opened, false);
    }
  });

  it('gives up on a server that does not answer in time, and lets go of it', async (t) => {
    const ended = deferred();
    const connect = await startRawUpstream(t, (peer) => peer.clientEnded().then(ended.resolve));
    const socket = new TunnelWebSocket(connect, 'ws://upstream/', [], { openMs: 50 });
    assert.match(String(await failureOf(socket)), /did not answer the handshake in time/);
    await ended.promise;
  });

  it('fails when the connection cannot be opened', async () => {
    // Nobody listens on port 1.
    const socket = new TunnelWebSocket(tcpConnect(1).connect, 'ws://upstream/');
    const [failure, close] = await Promise.all([failureOf(socket), closeOf(socket)]);
    assert.match(String(failure), /ECONNREFUSED/);
    assert.deepEqual(close, FAILED);
    assert.equal(socket.readyState, TunnelWebSocket.CLOSED);
  });

  it('is given up by close()', async (t) => {
    const { watched, below } = watch(await startRawUpstream(t, () => undefined));
    const socket = new TunnelWebSocket(watched, 'ws://upstream/');
    const events: string[] = [];
    for (const type of ['open', 'error', 'close'] as const) {
      socket.addEventListener(type, () => events.push(type));
    }
    const closed = closeOf(socket);
    socket.close();
    assert.equal(socket.readyState, TunnelWebSocket.CLOSING);
    assert.deepEqual(await closed, FAILED);
    assert.deepEqual(events, ['error', 'close']);
    await assert.rejects((await below).closed, /was closed/);
  });

  it('does not begin with what is impossible', () => {
    const refuse = () => {
      throw new Error('it connected');
    };
    const wrong: [string, RegExp, (string | string[])?][] = [
      ['ftp://upstream/', /ftp: is not possible/],
      ['/ws', /no absolute URL/],
      ['ws://', /no absolute URL/],
      ['ws://user:secret@upstream/', /user name or password/],
      ['ws://upstream/', /no name of a protocol/, 'with blank'],
      ['ws://upstream/', /no name of a protocol/, ''],
      ['ws://upstream/', /no name of a protocol/, ['ok', 'line\r\nfeed']],
      ['ws://upstream/', /named twice/, ['one', 'one']],
    ];
    for (const [url, message, protocols] of wrong) {
      assert.throws(() => new TunnelWebSocket(refuse, url, protocols), { name: 'SyntaxError', message });
    }
  });
});
