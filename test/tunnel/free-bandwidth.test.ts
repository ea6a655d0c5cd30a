import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import { TestNetwork, TestTunnel, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 90_000 };

const CHUNK_BYTES = 32 * 1024;

describe('free bandwidth that ends with the day', TIME_LIMIT, () => {
  it('ends under a transfer in both directions, which loses nothing and goes on', TIME_LIMIT, async () => {
    await using network = await TestNetwork.start({ dayS: 4 });
    await using upstream = await TestUpstream.start((socket) => void socket.pipe(socket));
    await using tunnel = await TestTunnel.start(network.env, upstream.address);
    const socket = tunnel.connect();
    const refused = async () => (await network.localnet.counters()).gateways.outOfBandwidth;
    const echoed = (async function* () {
      for await (const chunk of socket) yield* chunk as Buffer;
    })();
    for (let chunksAfter = 0; chunksAfter < 2;) {
      const sent = randomBytes(CHUNK_BYTES);
      socket.write(sent);
      for (const [offset, byte] of sent.entries()) {
        assert.equal((await echoed.next()).value, byte, `byte ${offset} of a chunk`);
      }
      if ((await refused()) > 0) chunksAfter += 1;
    }
    socket.destroy();
  });
});
