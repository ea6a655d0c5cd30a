import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';

import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';

import type { Connect } from '../../src/proxy/socket.js';
import { TunnelWebSocket } from '../../src/websocket/index.js';
import { closeOf, deferred, messagesOf, nextEvent } from './events.js';
import { tcpConnect } from '../support/tcp-connect.js';

const IN_TIME = { timeout: 60_000 };
const URL_OF_UPSTREAM = 'ws://upstream/socket';

/** A server of another implementation. */
async function startServer(t: TestContext, serve: (socket: ServerSocket) => void): Promise<Connect> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (protocols) => [...protocols].at(-1) ?? false,
  });
  server.on('connection', serve);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return tcpConnect((server.address() as AddressInfo).port).connect;
}

function echo(socket: ServerSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** An open socket. */
async function openSocket(t: TestContext, serve: (socket: ServerSocket) => void): Promise<TunnelWebSocket> {
  const socket = new TunnelWebSocket(await startServer(t, serve), URL_OF_UPSTREAM);
  t.after(() => socket.close());
  await nextEvent(socket, 'open');
  return socket;
}

describe('a WebSocket through the tunnel', IN_TIME, () => {
  it('has the constants and states of the standard', async (t) => {
    const states: [number, number, number, number] = [0, 1, 2, 3];
    const { CONNECTING, OPEN, CLOSING, CLOSED } = TunnelWebSocket;
    assert.deepEqual([CONNECTING, OPEN, CLOSING, CLOSED], states);
    const socket: WebSocket = new TunnelWebSocket(await startServer(t, echo), URL_OF_UPSTREAM, 'chat');
    assert.deepEqual([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], states);
    assert.deepEqual(
      [
        socket.readyState,
        socket.url,
        socket.protocol,
        socket.extensions,
        socket.bufferedAmount,
        socket.binaryType,
      ],
      [CONNECTING, URL_OF_UPSTREAM, '', '', 0, 'blob'],
    );
    assert.throws(() => socket.send('too early'), { name: 'InvalidStateError' });
    const opened = deferred<Event>();
    socket.onopen = opened.resolve;
    assert.equal((await opened.promise).target, socket);
    assert.deepEqual([socket.readyState, socket.protocol], [OPEN, 'chat']);
    socket.binaryType = 'nonsense' as BinaryType;
    assert.equal(socket.binaryType, 'blob');
    const closed = deferred<CloseEvent>();
    socket.onclose = closed.resolve;
    socket.close();
    assert.equal(socket.readyState, CLOSING);
    await closed.promise;
    assert.equal(socket.readyState, CLOSED);
  });

  it('carries text, with lone surrogates replaced', async (t) => {
    const socket = await openSocket(t, echo);
    const messages = messagesOf(socket, 4);
    for (const text of ['', 'text', 'Grüße 🎉', 'lone \uD800 surrogate']) socket.send(text);
    assert.deepEqual(await messages, ['', 'text', 'Grüße 🎉', 'lone \uFFFD surrogate']);
  });

  it('carries bytes of every kind, in order, as they were at the time', async (t) => {
    const socket = await openSocket(t, echo);
    socket.binaryType = 'arraybuffer';
    const messages = messagesOf(socket, 7);
    const changed = new Uint8Array([3, 4]);
    socket.send(new Blob(['a blob that is read ', 'later']));
    socket.send(new Uint8Array([1, 2]).buffer);
    socket.send(changed);
    changed.fill(0);
    socket.send('text');
    socket.send(new Uint8Array([9, 5, 6, 9]).subarray(1, 3));
    socket.send(new DataView(new Uint8Array([9, 7, 8, 9]).buffer, 1, 2));
    socket.send(new Blob());
    assert.deepEqual(
      (await messages).map((data) => (data instanceof ArrayBuffer ? Buffer.from(data) : data)),
      [
        Buffer.from('a blob that is read later'),
        Buffer.from([1, 2]),
        Buffer.from([3, 4]),
        'text',
        Buffer.from([5, 6]),
        Buffer.from([7, 8]),
        Buffer.alloc(0),
      ],
    );
  });

  it('gives bytes as Blobs unless told otherwise', async (t) => {
    const socket = await openSocket(t, echo);
    const message = nextEvent(socket, 'message');
    socket.send(new Uint8Array([1, 2, 3]));
    const { data, origin } = (await message) as MessageEvent<Blob>;
    assert(data instanceof Blob);
    assert.deepEqual(new Uint8Array(await data.arrayBuffer()), new Uint8Array([1, 2, 3]));
    assert.equal(origin, 'ws://upstream');
  });

  it('carries messages of every length, bytes and Blobs', async (t) => {
    const socket = await openSocket(t, echo);
    socket.binaryType = 'arraybuffer';
    const sizes = [1, 125, 126, 127, 65_535, 65_536, 65_537, 3_000_000];
    const sent = sizes.map((size) => randomBytes(size));
    const messages = messagesOf(socket, 2 * sent.length);
    for (const bytes of sent) {
      socket.send(bytes);
      socket.send(new Blob([bytes]));
    }
    const came = (await messages).map((data) => Buffer.from(data as ArrayBuffer));
    assert(came.every((bytes, index) => sent[Math.floor(index / 2)]?.equals(bytes)));
  });

  it('carries many small messages in order', async (t) => {
    const socket = await openSocket(t, echo);
    const sent = Array.from({ length: 5000 }, (_, index) => `message ${index}`);
    const messages = messagesOf(socket, sent.length);
    for (const text of sent) socket.send(text);
    assert.deepEqual(await messages, sent);
  });

  it('counts what waits to be sent, while the server takes nothing', async (t) => {
    const server = deferred<ServerSocket>();
    const socket = await openSocket(t, server.resolve);
    const peer = await server.promise;
    peer.pause();
    const size = 24 * 1024 * 1024;
    socket.send(new Uint8Array(size));
    socket.send('€');
    socket.send(new Blob(['12345']));
    assert.equal(socket.bufferedAmount, size + 3 + 5);
    const closed = closeOf(socket);
    socket.close(1000);
    socket.send('dropped');
    // Some of it is with the operating system, the rest waits.
    assert(socket.bufferedAmount > 1024 * 1024);
    const received: number[] = [];
    peer.on('message', (data: Buffer) => received.push(data.length));
    peer.resume();
    assert.deepEqual(await closed, { code: 1000, reason: '', wasClean: true });
    assert.deepEqual(received, [size, 3, 5]);
    assert.equal(socket.bufferedAmount, 'dropped'.length);
    socket.send(new Uint8Array(10));
    assert.equal(socket.bufferedAmount, 'dropped'.length + 10);
  });

  it('closes with code and reason, after all that was sent', async (t) => {
    const seen: unknown[] = [];
    const ended = deferred();
    const socket = await openSocket(t, (peer) => {
      peer.on('message', (data: Buffer) => seen.push(data.toString()));
      peer.on('close', (code, reason) => ended.resolve(seen.push(code, reason.toString())));
    });
    socket.send(new Blob(['last words']));
    socket.close(4321, 'Grüße');
    socket.close(1000, 'too late');
    assert.deepEqual(await closeOf(socket), { code: 4321, reason: 'Grüße', wasClean: true });
    await ended.promise;
    assert.deepEqual(seen, ['last words', 4321, 'Grüße']);
  });

  it('closes without a code', async (t) => {
    const socket = await openSocket(t, echo);
    socket.close();
    assert.deepEqual(await closeOf(socket), { code: 1005, reason: '', wasClean: true });
  });

  it('tells with what the server closed', async (t) => {
    const code = deferred<number>();
    const socket = await openSocket(t, (peer) => {
      peer.on('close', code.resolve);
      peer.on('message', () => peer.close(1013, 'später'));
    });
    let failed = false;
    socket.onerror = () => (failed = true);
    socket.send('go');
    assert.deepEqual(await closeOf(socket), { code: 1013, reason: 'später', wasClean: true });
    assert.equal(failed, false);
    assert.equal(await code.promise, 1013, 'the server got the same code in answer');
  });

  it('refuses codes and reasons that cannot be sent', async (t) => {
    const socket = await openSocket(t, echo);
    for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000, 65_536 + 1000, NaN]) {
      assert.throws(() => socket.close(code), { name: 'InvalidAccessError' }, String(code));
    }
    assert.throws(() => socket.close(3000, 'ä'.repeat(62)), { name: 'SyntaxError', message: /124 bytes/ });
    assert.equal(socket.readyState, TunnelWebSocket.OPEN);
    socket.close(3000, `${'ä'.repeat(61)}x`);
    assert.equal((await closeOf(socket)).code, 3000);
  });

  it('answers pings', async (t) => {
    const pong = deferred<Buffer>();
    const socket = await openSocket(t, (peer) => {
      peer.on('pong', pong.resolve);
      peer.ping('are you there?');
    });
    assert.equal((await pong.promise).toString(), 'are you there?');
    assert.equal(socket.readyState, TunnelWebSocket.OPEN);
  });

  it('calls what onmessage holds at the time, and listeners besides', async (t) => {
    const socket = await openSocket(t, echo);
    const calls: string[] = [];
    const twice = () => calls.push('handler');
    assert.equal(socket.onmessage, null);
    socket.onmessage = () => calls.push('replaced');
    socket.addEventListener('message', () => calls.push('listener'));
    socket.onmessage = twice;
    assert.equal(socket.onmessage, twice);
    const first = messagesOf(socket, 1);
    socket.send('x');
    await first;
    socket.onmessage = null;
    const second = messagesOf(socket, 1);
    socket.send('y');
    await second;
    assert.deepEqual(calls, ['handler', 'listener', 'listener']);
  });

  it('lets other things happen while many messages come at once', async (t) => {
    const socket = await openSocket(t, (peer) => {
      peer.on('message', () => {
        for (let count = 0; count < 50; count += 1) peer.send('x');
      });
    });
    const seen: string[] = [];
    socket.onmessage = () => {
      if (seen.length === 0) setImmediate(() => seen.push('other'));
      seen.push('message');
      for (const end = performance.now() + 2; performance.now() < end;);
    };
    const messages = messagesOf(socket, 50);
    socket.send('go');
    await messages;
    assert(seen.slice(0, -1).includes('other'));
  });

  it('dispatches no messages once it is closing', async (t) => {
    const socket = await openSocket(t, (peer) => {
      peer.on('message', () => {
        peer.send('one');
        peer.send('two');
      });
    });
    const seen: unknown[] = [];
    socket.onmessage = ({ data }) => {
      seen.push(data);
      socket.close();
    };
    socket.send('go');
    await closeOf(socket);
    assert.deepEqual(seen, ['one']);
  });
});
