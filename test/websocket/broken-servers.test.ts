import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { OPCODE } from '../../src/websocket/frame.js';
import { TunnelWebSocket, WebSocketError, WebSocketFailureEvent } from '../../src/websocket/index.js';
import { closeOf, deferred, failureOf, messagesOf, nextEvent, watch } from './events.js';
import { serverFrame, startRawUpstream, type ClientFrame } from './raw-upstream.js';

const IN_TIME = { timeout: 30_000 };
const FAILED = { code: 1006, reason: '', wasClean: false };

describe('a WebSocket whose server is broken or gone', IN_TIME, () => {
  it('fails at what no server may send, and tells the server why', async (t) => {
    const wrong: [number, Uint8Array][] = [
      [1002, Buffer.from([0x81, 0x80, 1, 2, 3, 4])],
      [1002, Buffer.from([0xc1, 0])],
      [1002, serverFrame(OPCODE.continuation, 'x')],
      [1002, serverFrame(OPCODE.close, Buffer.from([0, 0]))],
      [1007, serverFrame(OPCODE.text, Buffer.from([0xff]))],
      [1009, Buffer.from([0x82, 126, 0x10, 0x01])],
    ];
    for (const [code, bytes] of wrong) {
      const last = deferred<ClientFrame>();
      const ended = deferred();
      const connect = await startRawUpstream(t, async (peer) => {
        await peer.accept();
        peer.write(serverFrame(OPCODE.text, 'before'), bytes, serverFrame(OPCODE.text, 'after'));
        last.resolve(await peer.readFrame());
        peer.socket.end();
        await peer.clientEnded();
        ended.resolve(undefined);
      });
      const socket = new TunnelWebSocket(connect, 'ws://upstream/', [], { maxMessageBytes: 4096 });
      const events: string[] = [];
      socket.onmessage = ({ data }) => events.push(String(data));
      socket.onerror = (event) => {
        assert(event instanceof WebSocketFailureEvent && event.error instanceof WebSocketError);
        assert.equal(event.error.closeCode, code);
        events.push('error');
      };
      assert.deepEqual(await closeOf(socket), FAILED);
      assert.deepEqual(events, ['before', 'error']);
      const { opcode, payload } = await last.promise;
      assert.deepEqual([opcode, payload.readUInt16BE()], [OPCODE.close, code]);
      await ended.promise;
    }
  });

  it('closes with 1006 when the server ends without a word', async (t) => {
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      peer.write(serverFrame(OPCODE.text, 'half a message', false));
      peer.socket.end();
    });
    assert.deepEqual(await closeOf(new TunnelWebSocket(connect, 'ws://upstream/')), FAILED);
  });

  it('fails when the connection is reset', async (t) => {
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      peer.write(serverFrame(OPCODE.text, 'x'));
      await peer.readFrame();
      peer.socket.resetAndDestroy();
    });
    const socket = new TunnelWebSocket(connect, 'ws://upstream/');
    socket.onmessage = () => socket.send('y');
    const [failure, close] = await Promise.all([failureOf(socket), closeOf(socket)]);
    assert.match(String(failure), /ECONNRESET/);
    assert.deepEqual(close, FAILED);
  });

  it('does not wait for ever for the answer to its Close', async (t) => {
    const ended = deferred();
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      await peer.clientEnded();
      ended.resolve(undefined);
    });
    const socket = new TunnelWebSocket(connect, 'ws://upstream/', [], { closeMs: 50 });
    await nextEvent(socket, 'open');
    socket.close(1000);
    assert.deepEqual(await closeOf(socket), FAILED);
    await ended.promise;
  });

  it('does not wait for ever for a server that takes nothing', async (t) => {
    const connect = await startRawUpstream(t, (peer) => peer.accept());
    const socket = new TunnelWebSocket(connect, 'ws://upstream/', [], { closeMs: 100 });
    await nextEvent(socket, 'open');
    socket.send(new Uint8Array(32 * 1024 * 1024));
    socket.close(1000);
    assert.deepEqual(await closeOf(socket), FAILED);
  });

  it('lets go of a server that closes and does not end the connection', async (t) => {
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      peer.write(serverFrame(OPCODE.close, ''));
      const answer = await peer.readFrame();
      assert.deepEqual([answer.opcode, answer.payload.length], [OPCODE.close, 0]);
    });
    const { watched, below } = watch(connect);
    const socket = new TunnelWebSocket(watched, 'ws://upstream/', [], { closeMs: 50 });
    assert.deepEqual(await closeOf(socket), { code: 1005, reason: '', wasClean: true });
    await assert.rejects((await below).closed, /was closed/);
  });

  it('answers pings between the fragments of both sides, only the last of many', async (t) => {
    const frames = deferred<ClientFrame[]>();
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      const first = await peer.readFrame();
      peer.write(serverFrame(OPCODE.text, 'a', false));
      for (let count = 1; count <= 100; count += 1) peer.write(serverFrame(OPCODE.ping, `ping ${count}`));
      peer.write(serverFrame(OPCODE.pong, 'nobody asked'), serverFrame(OPCODE.continuation, 'b'));
      const seen = [first];
      while (!seen.some(({ fin, opcode }) => fin && opcode === OPCODE.continuation)) {
        seen.push(await peer.readFrame());
      }
      frames.resolve(seen);
      peer.write(serverFrame(OPCODE.close, ''));
      peer.socket.end();
    });
    const socket = new TunnelWebSocket(connect, 'ws://upstream/');
    await nextEvent(socket, 'open');
    const messages = messagesOf(socket, 1);
    const sent = new Uint8Array(16 * 1024 * 1024).fill(7);
    socket.send(sent);
    assert.deepEqual(await messages, ['ab']);
    const seen = await frames.promise;
    const data = seen.filter(({ opcode }) => opcode !== OPCODE.pong);
    assert.deepEqual([data[0]?.opcode, data[1]?.opcode], [OPCODE.binary, OPCODE.continuation]);
    assert(Buffer.concat(data.map(({ payload }) => payload)).equals(sent));
    const pongs = seen
      .filter(({ opcode }) => opcode === OPCODE.pong)
      .map(({ payload }) => payload.toString());
    assert.equal(pongs.at(-1), 'ping 100');
    assert(pongs.length < 100);
    await closeOf(socket);
  });

  it('gives up its own Close behind the server’s', async (t) => {
    const answer = deferred<ClientFrame>();
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      // Of what the client sends it takes nothing until it has closed.
      peer.write(serverFrame(OPCODE.close, Buffer.from([0x0f, 0xa1])));
      for (;;) {
        const frame = await peer.readFrame();
        if (frame.opcode !== OPCODE.close) continue;
        answer.resolve(frame);
        break;
      }
      peer.socket.end();
    });
    const socket = new TunnelWebSocket(connect, 'ws://upstream/');
    await nextEvent(socket, 'open');
    socket.send(new Uint8Array(32 * 1024 * 1024));
    socket.close(4000);
    assert.deepEqual(await closeOf(socket), { code: 4001, reason: '', wasClean: true });
    assert.equal((await answer.promise).payload.readUInt16BE(), 4000);
    assert(socket.bufferedAmount > 0, 'the rest of the message was dropped');
  });

  it('fails if a Blob cannot be read', async (t) => {
    const ended = deferred();
    const connect = await startRawUpstream(t, async (peer) => {
      await peer.accept();
      await peer.clientEnded();
      ended.resolve(undefined);
    });
    const socket = new TunnelWebSocket(connect, 'ws://upstream/');
    await nextEvent(socket, 'open');
    const lost = new Blob(['x']);
    Object.defineProperty(lost, 'slice', {
      value: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }),
    });
    socket.send(lost);
    assert.match(String(await failureOf(socket)), /gone/);
    await ended.promise;
  });
});
