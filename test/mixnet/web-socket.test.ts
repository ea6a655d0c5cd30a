import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { WebSocketServer, type WebSocket } from 'ws';

import { CloseEvent } from '../../src/mixnet/node/close-event.js';
import { gatewayWebSocket } from '../../src/mixnet/node/web-socket.js';

const NEVER = { everyMs: 1_000_000, patienceMs: 1_000_000 };

describe('the WebSocket of the official client in Node', { timeout: 30_000 }, () => {
  let server: WebSocketServer;
  before(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false, perMessageDeflate: true });
    await once(server, 'listening');
  });
  after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  /** A connected pair, and what the watch of the client's end was told. */
  async function connect(times = NEVER) {
    const told = {
      opened: [] as object[],
      connected: 0,
      frames: 0,
      texts: [] as string[],
      closed: [] as string[],
    };
    const events = new EventEmitter();
    const Socket = gatewayWebSocket(
      {
        opened: (socket) => told.opened.push(socket),
        connected: () => void (told.connected += 1),
        frameGiven: () => undefined,
        frameLeft: () => {
          told.frames += 1;
          events.emit('frame');
        },
        textArrived: (_, text) => told.texts.push(text),
        closed: (_, reason) => {
          told.closed.push(reason);
          events.emit('closed', reason);
        },
      },
      times,
    );
    const { port } = server.address() as AddressInfo;
    const arrival = once(server, 'connection') as Promise<[WebSocket]>;
    const closed = new Promise<string>((resolve) => events.once('closed', resolve));
    const socket = new Socket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    const [peer] = await arrival;
    return { socket, peer, told, closed, nextFrame: () => once(events, 'frame') };
  }

  it('tells of itself when it is constructed', async () => {
    const { socket, told } = await connect();
    assert.deepEqual(told.opened, [socket]);
    socket.terminate();
  });

  it('counts the packets that left, not the text', async () => {
    const { socket, peer, told, nextFrame } = await connect();
    const received = once(peer, 'message');
    socket.send('{"type":"supportedProtocol"}');
    await received;
    const left = nextFrame();
    socket.send(Uint8Array.of(1, 2, 3));
    await left;
    assert.equal(told.frames, 1);
    socket.terminate();
  });

  it('sends what was in the memory at the time, though it changes afterwards', async () => {
    const { socket, peer } = await connect();
    assert.equal(socket.extensions, '', 'compression would read the memory later');
    const memory = new Uint8Array(3_000).fill(1);
    const received = once(peer, 'message') as Promise<[Buffer]>;
    socket.send(memory.subarray(10, 2_500));
    memory.fill(2);
    const [bytes] = await received;
    assert.deepEqual(bytes, Buffer.alloc(2_490, 1));
    socket.terminate();
  });

  it('reports text frames, also when binary ones come as ArrayBuffers', async () => {
    const { socket, peer, told } = await connect();
    socket.binaryType = 'arraybuffer';
    const textCame = new Promise<void>((resolve) => {
      socket.on('message', (_, isBinary) => {
        if (!isBinary) resolve();
      });
    });
    peer.send(Uint8Array.of(9));
    peer.send('hello');
    await textCame;
    assert.deepEqual(told.texts, ['hello']);
    socket.terminate();
  });

  it('uses up once-only close listeners on dispatchEvent, and no others', async () => {
    const { socket, peer } = await connect();
    const calls: string[] = [];
    socket.addEventListener('close', ({ code, reason }) => calls.push(`once ${code} ${reason}`), {
      once: true,
    });
    socket.addEventListener('close', () => calls.push('always'));
    assert.ok(socket.dispatchEvent(new CloseEvent('close', { code: 1000, reason: 'bye' })));
    assert.deepEqual(calls, ['once 1000 bye']);
    peer.close(1001);
    await once(socket, 'close');
    assert.deepEqual(calls, ['once 1000 bye', 'always']);
  });

  it('dispatches nothing else', async () => {
    const { socket } = await connect();
    let errors = 0;
    socket.addEventListener('error', () => (errors += 1), { once: true });
    assert.ok(socket.dispatchEvent(new Event('error')));
    assert.equal(errors, 0);
    socket.terminate();
  });

  it('says why it closed: the gateway did', async () => {
    const { peer, closed } = await connect();
    peer.close(1001);
    assert.match(await closed, /gateway closed .*1001/);
  });

  it('says why it closed: the connection broke', async () => {
    const { peer, closed } = await connect();
    peer.terminate();
    assert.match(await closed, /1006/);
  });

  it('says why it closed: it was refused, without an uncaught error', async () => {
    const reason = await new Promise<string>((resolve) => {
      const ignore = () => undefined;
      const watch = {
        opened: ignore,
        connected: ignore,
        frameGiven: ignore,
        frameLeft: ignore,
        textArrived: ignore,
      };
      const Socket = gatewayWebSocket({ ...watch, closed: (_, why) => resolve(why) }, NEVER);
      new Socket('ws://127.0.0.1:1/');
    });
    assert.match(reason, /ECONNREFUSED/);
  });

  it('closes when the gateway falls silent', async () => {
    const { closed } = await connect({ everyMs: 20, patienceMs: 20 });
    assert.match(await closed, /silent/);
  });

  it('stays open while the gateway answers pings', async () => {
    const { socket, peer, told } = await connect({ everyMs: 20, patienceMs: 10_000 });
    for (let pings = 0; pings < 5; pings += 1) {
      await once(peer, 'ping');
      peer.pong();
      await once(socket, 'pong');
    }
    assert.deepEqual(told.closed, []);
    socket.terminate();
  });

  it('knows when all it sent has reached the gateway', async () => {
    const { socket, peer } = await connect();
    let arrived = 0;
    peer.on('message', () => (arrived += 1));
    peer.on('ping', (mark) => peer.pong(mark));
    for (let i = 0; i < 100; i += 1) socket.send(new Uint8Array(30_000));
    await socket.reachGateway();
    assert.equal(arrived, 100);
    socket.terminate();
  });

  it('waits for no gateway that is gone', async () => {
    const { socket, peer } = await connect();
    const reached = socket.reachGateway();
    peer.terminate();
    await reached;
    await socket.reachGateway();
  });

  it('refuses frames beyond what a gateway ever sends', async () => {
    const { peer, closed } = await connect();
    peer.send(new Uint8Array(2 * 1024 * 1024));
    assert.match(await closed, /Max payload size exceeded/);
  });
});
