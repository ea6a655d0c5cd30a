import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import { startMixnetClient } from '../../src/mixnet/node/start.js';
import { readNetwork } from '../../src/mixnet/node/network-file.js';
import type { MixnetClient } from '../../src/mixnet/client.js';
import { NymProxyClient } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { RustClientSession, RustServer } from '../support/rust-peer.js';
import { connectTo, readToEnd, sha256, TestNetwork, TestUpstream, type Upstream } from '../support/tunnel.js';

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

describe('A Rust server, which keeps only the message that came last', TIME_LIMIT, () => {
  /** Has a client of ours send through a Rust server, and gives what came back until it ended. */
  async function through(handle: Upstream, sent: Uint8Array): Promise<Buffer> {
    await using network = await TestNetwork.start();
    await using upstream = await TestUpstream.start(handle);
    const rust = await rustMixnetClient(network.env);
    const server = new RustServer(rust, { upstream: upstream.address });
    try {
      await using client = await NymProxyClient.create({
        env: network.env,
        serverAddress: rust.address,
        listenPort: 0,
        poolSize: 1,
        traffic: 'fast',
        closeTimeoutMs: 5_000,
      });
      const socket = connectTo(client);
      socket.end(sent);
      return await readToEnd(socket);
    } finally {
      server.close();
      await rust.close();
    }
  }

  it('gets an upload, and our client ends after the close timeout', TIME_LIMIT, async () => {
    const sent = randomBytes(200_000);
    const answer = await through((socket) => {
      void readToEnd(socket).then((all) => socket.end(sha256(all)));
    }, sent);
    assert.equal(answer.toString(), sha256(sent));
  });

  it('echoes, every byte in its place', TIME_LIMIT, async () => {
    const sent = randomBytes(60_000);
    const answer = await through((socket) => void socket.pipe(socket), sent);
    assert.equal(sha256(answer), sha256(sent));
  });

  it('gets a request whose end comes right behind it', TIME_LIMIT, async () => {
    const answer = await through((socket) => {
      void readToEnd(socket).then((all) => socket.end(all.toString().toUpperCase()));
    }, Buffer.from('a request'));
    assert.equal(answer.toString(), 'A REQUEST');
  });
});
