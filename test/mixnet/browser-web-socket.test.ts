import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it, mock } from 'node:test';

import { gatewayWebSocket } from '../../src/mixnet/browser/web-socket.js';

/** As much of a browser's WebSocket as is needed: open, and its network takes what the test says. */
class FakeWebSocket extends EventTarget {
  static readonly OPEN = 1;
  readyState = FakeWebSocket.OPEN;
  bufferedAmount = 0;

  send(data: string | Uint8Array): void {
    this.bufferedAmount += data.length;
  }
}

const packet = new Uint8Array(1_000);

describe('the WebSocket of the official client in the browser', () => {
  const platform = globalThis.WebSocket;
  before(() => Object.assign(globalThis, { WebSocket: FakeWebSocket }));
  after(() => Object.assign(globalThis, { WebSocket: platform }));
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => mock.timers.reset());

  function newSocket() {
    const told: string[] = [];
    const Socket = gatewayWebSocket({
      opened: () => told.push('opened'),
      connected: () => told.push('connected'),
      frameGiven: () => told.push('given'),
      frameLeft: () => told.push('left'),
      textArrived: (_, text) => told.push(`text ${text}`),
      closed: (_, reason) => told.push(reason),
    });
    const socket = new Socket('ws://127.0.0.1:1/');
    const reach = () => (socket as unknown as { reachGateway(): Promise<void> }).reachGateway();
    /** The browser still holds so many bytes. */
    const holds = (bytes: number) => {
      Object.assign(socket, { bufferedAmount: bytes });
      mock.timers.tick(10);
    };
    return { socket, told, reach, holds };
  }

  it('tells of each packet that has left whole, and not of text', () => {
    const { socket, told, holds } = newSocket();
    socket.send('{}');
    socket.send(packet);
    socket.send(packet);
    const given = ['opened', 'given', 'given'];
    holds(2_002);
    assert.deepEqual(told, given);
    holds(2_000);
    assert.deepEqual(told, given);
    holds(1_000);
    assert.deepEqual(told, [...given, 'left']);
    holds(1);
    assert.deepEqual(told, [...given, 'left']);
    holds(0);
    assert.deepEqual(told, [...given, 'left', 'left']);
    socket.send(packet);
    holds(0);
    assert.deepEqual(told, [...given, 'left', 'left', 'given', 'left']);
  });

  it('has reached the gateway once everything has left', async () => {
    const { socket, reach, holds } = newSocket();
    await reach();
    socket.send(packet);
    let reached = false;
    const reaching = reach().then(() => (reached = true));
    holds(500);
    await Promise.resolve();
    assert.equal(reached, false);
    holds(0);
    await reaching;
  });

  it('passes text on, and bytes to the official client only', () => {
    const { socket, told } = newSocket();
    socket.dispatchEvent(new MessageEvent('message', { data: 'hello' }));
    socket.dispatchEvent(new MessageEvent('message', { data: new ArrayBuffer(1) }));
    assert.deepEqual(told, ['opened', 'text hello']);
  });

  it('takes the close event that the official client dispatches itself for none', () => {
    const { socket, told } = newSocket();
    socket.dispatchEvent(new Event('close'));
    assert.deepEqual(told, ['opened']);
  });
});
