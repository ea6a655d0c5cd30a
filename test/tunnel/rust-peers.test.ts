import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { startMixnetClient } from '../../src/mixnet/node/start.js';
import { readNetwork } from '../../src/mixnet/node/network-file.js';
import type { MixnetClient } from '../../src/mixnet/client.js';
import { NymProxyClient } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { RustClientSession, runRustServer } from '../support/rust-peer.js';
import { connectTo, readToEnd, TestNetwork, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 90_000 };

/** A mixnet client with the Rust SDK's own reserve of SURBs. */
async function rustMixnetClient(env: string): Promise<MixnetClient> {
  return startMixnetClient({ network: await readNetwork(env), traffic: 'fast', replySurbReserve: 10 });
}

describe('A Rust client', TIME_LIMIT, () => {
  it('gets its answer from our server, in order, although its ids start at 1', TIME_LIMIT, async () => {
    await using network = await TestNetwork.start();
    await using upstream = await TestUpstream.start((socket) => void socket.pipe(socket));
    await using server = await NymProxyServer.create({
      env: network.env,
      upstream: upstream.address,
      traffic: 'fast',
    });
    void server.run();
    const ended = new Promise<void>((resolve) => server.on('end', () => resolve()));
    const client = await rustMixnetClient(network.env);
    try {
      const request = Buffer.alloc(20_000, 'a request in three messages ');
      const received: Uint8Array[] = [];
      await new Promise<void>((resolve, reject) => {
        const session = new RustClientSession(client, server.nymAddress, (bytes) => {
          received.push(bytes);
          if (Buffer.concat(received).length >= request.length) resolve();
        });
        session
          .write(request)
          .then(() => session.finish())
          .catch(reject);
      });
      assert.deepEqual(Buffer.concat(received), request);
      await ended;
    } finally {
      await client.close();
    }
  });
});

describe('A Rust server', TIME_LIMIT, () => {
  it(
    'serves our client from id 0, which ends the connection after the close timeout',
    TIME_LIMIT,
    async () => {
      await using network = await TestNetwork.start();
      const rust = await rustMixnetClient(network.env);
      try {
        runRustServer(rust, (bytes) => Buffer.from(Buffer.from(bytes).toString().toUpperCase()));
        await using client = await NymProxyClient.create({
          env: network.env,
          serverAddress: rust.address,
          listenPort: 0,
          poolSize: 1,
          traffic: 'fast',
          closeTimeoutMs: 2_000,
        });
        const socket = connectTo(client);
        const request = 'x'.repeat(30_000);
        socket.end(request);
        assert.equal((await readToEnd(socket)).toString(), request.toUpperCase());
      } finally {
        await rust.close();
      }
    },
  );
});
