import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, it } from 'node:test';

import { EarlyListener } from '../../src/node/early-listener.js';
import { resetCode } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 10_000 };

async function connectTo(listener: EarlyListener): Promise<Socket> {
  const accepted = once(listener.server, 'connection');
  const socket = connect((listener.server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  await accepted;
  return socket;
}

describe('a listener that nobody serves yet', TIME_LIMIT, () => {
  it('keeps connections, with what they sent, until somebody does', TIME_LIMIT, async () => {
    const listener = await EarlyListener.listen('127.0.0.1', 0, 10);
    const early = await connectTo(listener);
    early.write('early');
    const served: Socket[] = [];
    listener.serveWith((socket) => void served.push(socket));
    assert.equal(served.length, 1);
    const late = await connectTo(listener);
    assert.equal(served.length, 2);
    const [first] = served;
    assert.ok(first);
    const heard = once(first, 'data');
    first.resume();
    assert.equal(String((await heard)[0]), 'early');
    for (const socket of [early, late, ...served]) socket.destroy();
    listener.close();
  });

  it('resets them if nobody ever can', TIME_LIMIT, async () => {
    const listener = await EarlyListener.listen('127.0.0.1', 0, 10);
    const early = await connectTo(listener);
    listener.close();
    assert.equal(await resetCode(early), 'ECONNRESET');
  });

  it('does not listen where somebody else does', TIME_LIMIT, async () => {
    const listener = await EarlyListener.listen('127.0.0.1', 0, 10);
    const { port } = listener.server.address() as AddressInfo;
    await assert.rejects(EarlyListener.listen('127.0.0.1', port, 10), { code: 'EADDRINUSE' });
    listener.close();
  });
});
