import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { NymProxyClient, type NymProxyClientOptions } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { PROTOCOLS } from '../../src/proxy/protocol.js';
import { connectTo, readToEnd, sha256, TestNetwork, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 90_000 };
const BYTES = 256 * 1024;

describe('a server of both protocols, over the official client', { timeout: 180_000 }, () => {
  let network: TestNetwork;
  let echo: TestUpstream;

  before(async () => {
    network = await TestNetwork.start();
    echo = await TestUpstream.start((socket) => void socket.pipe(socket));
  }, TIME_LIMIT);

  after(async () => {
    await echo[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  const startClient = (serverAddress: string, protocol: NymProxyClientOptions['protocol']) =>
    NymProxyClient.create({
      ...{ env: network.env, traffic: 'fast', clients: 'shared', listenPort: 0 },
      serverAddress,
      protocol,
    });

  it('carries 256 KiB each way for a client of each at once', TIME_LIMIT, async () => {
    await using server = await NymProxyServer.create({
      env: network.env,
      traffic: 'fast',
      upstream: echo.address,
    });
    void server.run();
    await using proxied = await startClient(server.nymAddress, undefined);
    await using streamed = await startClient(server.nymAddress, 'stream');
    const clients = [proxied, streamed];
    const bytes = randomBytes(BYTES);
    const echoes = clients.map(async (client) => {
      const socket = connectTo(client);
      socket.end(bytes);
      return sha256(await readToEnd(socket));
    });
    assert.deepEqual(
      await Promise.all(echoes),
      PROTOCOLS.map(() => sha256(bytes)),
    );
    assert.deepEqual(
      clients.map(({ counts }) => [counts.sessionsOpened, counts.bytesSent, counts.bytesReceived]),
      PROTOCOLS.map(() => [1, BYTES, BYTES]),
    );
    assert.equal(server.counts.sessionsOpened, 2);
    assert.deepEqual([...server.counts.resets], []);
  });
});
