import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startLocalnet } from '../../src/localnet/index.js';
import type { Localnet, LocalnetOptions } from '../../src/localnet/index.js';
import type { MixnetClient, MixnetMessage } from '../../src/mixnet/client.js';
import { startMixnetClient } from '../../src/mixnet/node/start.js';
import type { StartOptions } from '../../src/mixnet/node/start.js';

/** The official client has been seen to hang (gateway.md section 10). */
const IN_TIME = { timeout: 120_000 };

async function startNetwork(t: TestContext, options: LocalnetOptions = {}): Promise<Localnet> {
  const localnet = await startLocalnet(options);
  t.after(() => localnet.close());
  return localnet;
}

async function startClient(
  t: TestContext,
  { apiUrl }: Localnet,
  options: Partial<StartOptions> = {},
): Promise<MixnetClient> {
  const client = await startMixnetClient({
    network: { name: 'localnet', apiUrl },
    traffic: 'fast',
    startTimeoutMs: 30_000,
    ...options,
  });
  t.after(() => client.close());
  return client;
}

function nextMessage(client: MixnetClient): Promise<MixnetMessage> {
  return new Promise((resolve) => {
    const stop = client.on('message', (message) => {
      stop();
      resolve(message);
    });
  });
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** An anonymous question from `alice` and the reply of `bob`. */
async function converse(alice: MixnetClient, bob: MixnetClient): Promise<void> {
  const asked = nextMessage(bob);
  await alice.send(bob.address, bytes('question'), 3);
  const { payload, senderTag } = await asked;
  assert.deepEqual(payload, bytes('question'));
  assert(senderTag !== undefined);
  const answered = nextMessage(alice);
  await bob.reply(senderTag, bytes('answer'));
  assert.deepEqual((await answered).payload, bytes('answer'));
}

describe('official clients on a localnet', IN_TIME, () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'localnet-test-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('talk to each other, and every packet is accounted for', async (t) => {
    const localnet = await startNetwork(t);
    const [first, second] = localnet.gateways;
    assert(first && second);
    const alice = await startClient(t, localnet, { gateway: first.identity });
    const bob = await startClient(t, localnet, { gateway: second.identity });
    await converse(alice, bob);
    await Promise.all([alice.close(), bob.close()]);

    const { total, gateways } = await localnet.counters();
    assert.equal(gateways.registrations, 2);
    assert.equal(gateways.authentications, 2);
    assert(gateways.packetsForwarded >= 2, 'question and answer are a packet each at least');
    assert(gateways.messagesDelivered >= 2);
    assert(gateways.acksReleased >= 2);
    assert.deepEqual([gateways.badFrames, gateways.badPackets, gateways.badFinalHops], [0, 0, 0]);
    assert.equal(total.fromClients, gateways.packetsForwarded);
    assert.deepEqual([total.dropped.badMac, total.dropped.malformed, total.dropped.failed], [0, 0, 0]);
  });

  it('talk to each other in spite of lost, repeated and late packets', async (t) => {
    const faults = { loss: 0.05, duplication: 0.2, extraDelayMs: 5 };
    const localnet = await startNetwork(t, { faults });
    const alice = await startClient(t, localnet);
    const bob = await startClient(t, localnet);
    for (let i = 0; i < 3; i += 1) await converse(alice, bob);
    const { total } = await localnet.counters();
    assert(total.duplicated > 0 && total.dropped.replay > 0);
  });

  it('are reached again once a stopped mix node runs again', async (t) => {
    const localnet = await startNetwork(t, { mixNodesPerLayer: 1 });
    const [alice, bob] = [await startClient(t, localnet), await startClient(t, localnet)];
    const [node] = localnet.nodes;
    assert(node?.kind === 'mix');
    await localnet.stopNode(node.id);
    const asked = nextMessage(bob);
    await alice.send(bob.address, bytes('question'), 0);
    while ((await localnet.counters()).total.dropped.stopped === 0) await new Promise(setImmediate);
    await localnet.startNode(node.id);
    // The official client repeats what was not acked.
    assert.deepEqual((await asked).payload, bytes('question'));
  });

  for (const frames of ['v1', 'v2'] as const) {
    it(`talk to each other across a key rotation, with frames of ${frames}`, async (t) => {
      const localnet = await startNetwork(t, { frames });
      const refresh = { topologyRefreshMs: 200 };
      const [alice, bob] = [await startClient(t, localnet, refresh), await startClient(t, localnet, refresh)];
      await converse(alice, bob);
      // Reply SURBs, like topologies, are made with the keys of their time.
      const asked = nextMessage(bob);
      await alice.send(bob.address, bytes('before'), 3);
      const { senderTag } = await asked;
      assert(senderTag !== undefined);
      await localnet.rotateKeys();
      const answered = nextMessage(alice);
      await bob.reply(senderTag, bytes('after'));
      assert.deepEqual((await answered).payload, bytes('after'));
      await converse(alice, bob);

      // Several refreshes of both clients, on a busy machine too.
      await setTimeout(3000);
      await localnet.endKeyOverlap();
      const again = nextMessage(bob);
      await alice.send(bob.address, bytes('with the new keys'), 0);
      assert.deepEqual((await again).payload, bytes('with the new keys'));
      const { badMac, expiredKey, malformed, failed } = (await localnet.counters()).total.dropped;
      assert.deepEqual([expiredKey, malformed, failed], [0, 0, 0]);
      // With frames of v2 a packet or two are dropped, for a cause that is not known yet; the client repeats them.
      assert.ok(badMac <= (frames === 'v1' ? 0 : 4), `${badMac} packets`);
    });
  }

  it('are told no key rotation by their packets, unless the gateway wants that', async (t) => {
    const sent = async (frames: 'v1' | 'v2') => {
      const localnet = await startNetwork(t, { frames, gateways: 1 });
      const alice = await startClient(t, localnet);
      await localnet.rotateKeys();
      await localnet.endKeyOverlap();
      // The client has not looked at the directory again: its packets are for keys that are gone.
      await alice.send(alice.address, bytes('too late'), 0);
      for (;;) {
        const { badMac, expiredKey } = (await localnet.counters()).total.dropped;
        if (badMac + expiredKey > 0) return { badMac: badMac > 0, expiredKey: expiredKey > 0 };
        await setTimeout(20);
      }
    };
    assert.deepEqual(await sent('v1'), { badMac: true, expiredKey: false });
    assert.deepEqual(await sent('v2'), { badMac: false, expiredKey: true });
  });

  it('only authenticate after a restart of the localnet, and find what came meanwhile', async (t) => {
    const stateDir = join(directory, 'state');
    const identity = { configDir: join(directory, 'client') };

    const first = await startNetwork(t, { stateDir });
    const bob = await startClient(t, first, { identity });
    const { address } = bob;
    await bob.close();
    const alice = await startClient(t, first);
    await alice.send(address, bytes('while you were away'), 0);
    while ((await first.counters()).gateways.messagesStored === 0) await new Promise(setImmediate);
    await alice.close();
    await first.close();

    const second = await startNetwork(t, { stateDir });
    assert.equal(second.apiUrl, first.apiUrl);
    const back = await startClient(t, second, { identity });
    assert.equal(back.address, address);
    const { gateways } = await second.counters();
    assert.deepEqual([gateways.registrations, gateways.authentications], [0, 1]);
    assert.equal(gateways.messagesCollected, 1);
    assert.deepEqual((await nextMessage(back)).payload, bytes('while you were away'));
    await converse(await startClient(t, second), back);
  });
});
