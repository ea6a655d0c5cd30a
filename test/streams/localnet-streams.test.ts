import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { readNetwork } from '../../src/mixnet/node/network-file.js';
import { startMixnetClient } from '../../src/mixnet/node/start.js';
import { startStreams } from '../../src/node/streams.js';
import type { MixnetStream } from '../../src/streams/mixnet-stream.js';
import { RustStreams } from '../support/rust-streams.js';
import { nextStream } from '../support/stream-world.js';
import { MEBIBYTE, sha256, TestNetwork } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 180_000 };

async function write({ writable }: MixnetStream, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

/** The hash of all that comes. */
async function hashOf({ readable }: MixnetStream): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readable) hash.update(chunk);
  return hash.digest('hex');
}

describe('streams over the official client', TIME_LIMIT, () => {
  let network: TestNetwork;
  before(async () => {
    network = await TestNetwork.start();
  });
  after(() => network[Symbol.asyncDispose]());

  const start = () => startStreams({ env: network.env, traffic: 'fast' });

  for (const { count, bytes } of [
    { count: 1, bytes: MEBIBYTE },
    { count: 50, bytes: Math.ceil(MEBIBYTE / 50) },
  ]) {
    it(`carry ${bytes} bytes each way, ${count} at once, exactly`, TIME_LIMIT, async () => {
      await using here = await start();
      await using there = await start();
      const listener = there.listen();
      const transfers = Array.from({ length: count }, async () => {
        const up = randomBytes(bytes);
        const stream = here.openStream(there.address, { initialData: up.subarray(0, 1000) });
        const [received] = await Promise.all([
          hashOf(stream),
          write(stream, up.subarray(1000)),
          stream.closed,
        ]);
        return { id: stream.id, up: sha256(up), received };
      });
      const arrived = new Map<string, { up: string; down: string }>();
      const serving = Array.from({ length: count }, async () => {
        const peer = await nextStream(listener);
        const down = randomBytes(bytes);
        const [up] = await Promise.all([hashOf(peer), write(peer, down)]);
        arrived.set(peer.id, { up, down: sha256(down) });
        await peer.closed;
      });
      const done = await Promise.all(transfers);
      await Promise.all(serving);
      assert.equal(arrived.size, count);
      for (const { id, up, received } of done) assert.deepEqual(arrived.get(id), { up, down: received });
    });
  }

  it('interoperate with a Rust peer that opens and one that accepts', TIME_LIMIT, async () => {
    await using here = await start();
    const client = await startMixnetClient({
      network: await readNetwork(network.env),
      traffic: 'fast',
      replySurbReserve: 10,
    });
    try {
      const rust = new RustStreams(client);
      const listener = here.listen();
      const bytes = randomBytes(40_000);

      const theirs = await rust.open(here.address);
      await theirs.write(bytes);
      const accepted = await nextStream(listener);
      void accepted.readable.pipeTo(accepted.writable).catch(() => undefined);
      assert.ok(Buffer.compare(await theirs.readExactly(bytes.length), bytes) === 0);

      const opened = here.openStream(client.address, { initialData: bytes, replySurbs: 20 });
      const peer = await rust.accept();
      const echoed = await peer.readExactly(bytes.length);
      const answer = opened.messages();
      await peer.write(Buffer.from([0, 0, 0, 32, ...createHash('sha256').update(echoed).digest()]));
      assert.equal(Buffer.from((await answer.receive()) ?? []).toString('hex'), sha256(bytes));
      await opened.close();
      assert.deepEqual([theirs.skipped, peer.skipped], [false, false]);
    } finally {
      await client.close();
    }
  });
});
