import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { MixnetClientState } from '../../src/mixnet/client.js';
import { relayDirectory } from './directory-relay.js';
import { relayFrames } from './frame-relay.js';
import { bytes, limit, lost, nextMessage, withLocalnet } from './localnet-clients.js';
import { relayTcp } from './tcp-relay.js';

describe('a mixnet client on a localnet', { timeout: 300_000 }, () => {
  const world = withLocalnet();

  it('sends an anonymous message and gets the reply', limit, async () => {
    const [alice, bob] = [await world.start(), await world.start()];
    const asked = nextMessage(bob);
    await alice.send(bob.address, bytes('question'), 3);
    const { payload, senderTag } = await asked;
    assert.deepEqual(payload, bytes('question'));
    assert.ok(senderTag);
    const answered = nextMessage(alice);
    await bob.reply(senderTag, bytes('answer'));
    assert.deepEqual(await answered, { payload: bytes('answer'), senderTag: undefined });
  });

  it('recognizes a sender by its tag, and carries messages of many packets', limit, async () => {
    const [alice, bob] = [await world.start(), await world.start()];
    const payload = crypto.getRandomValues(new Uint8Array(20_000));
    const first = nextMessage(bob);
    await alice.send(bob.address, payload, 3);
    const { senderTag, payload: arrived } = await first;
    assert.deepEqual(arrived, payload);
    const second = nextMessage(bob);
    await alice.send(bob.address, new Uint8Array(0), 0);
    assert.deepEqual(await second, { payload: new Uint8Array(0), senderTag });
  });

  it('carries messages with decoys on, and in large packets', limit, async () => {
    const [alice, bob] = [await world.start({ traffic: 'default' }), await world.start({ traffic: 'bulk' })];
    const [toBob, toAlice] = [nextMessage(bob), nextMessage(alice)];
    const payload = crypto.getRandomValues(new Uint8Array(40_000));
    await bob.send(alice.address, payload, 0);
    await alice.send(bob.address, bytes('small'), 0);
    assert.deepEqual((await toBob).payload, bytes('small'));
    assert.deepEqual((await toAlice).payload, payload);
  });

  it('flushes: what was sent has left the client when it is closed', limit, async () => {
    const [alice, bob] = [await world.start(), await world.start()];
    const arrived = nextMessage(bob);
    const sent = alice.send(bob.address, new Uint8Array(30_000), 0);
    await alice.flush(30_000);
    await sent;
    await alice.close();
    assert.equal((await arrived).payload.length, 30_000);
  });

  it('uses the gateway it is told to', limit, async () => {
    for (const { identity } of world.net.gateways) {
      const client = await world.start({ gateway: identity });
      assert.ok(client.address.endsWith(`@${identity}`));
    }
    await assert.rejects(world.start({ gateway: 'nobody' }), { name: 'MixnetClientError', code: 'gateway' });
  });

  it('leaves its gateway when it is closed', limit, async () => {
    const client = await world.start();
    const states: MixnetClientState[] = [];
    client.on('state', (state) => states.push(state));
    await client.close();
    assert.equal(client.state, 'closed');
    assert.deepEqual(states, ['closed']);
    await assert.rejects(client.send(client.address, bytes('x'), 0), { code: 'state' });
    await client.flush(30_000);
    while ((await world.net.counters()).gateways.connections > 0);
  });

  it('is lost when its gateway stops', limit, async () => {
    const client = await world.start();
    const gateway = world.gatewayOf(client);
    const gone = lost(client);
    await world.net.stopNode(gateway.id);
    try {
      await gone;
      assert.match(client.lostReason?.message ?? '', /gateway closed/);
      await assert.rejects(client.send(client.address, bytes('x'), 0), { name: 'MixnetClientError' });
      await assert.rejects(world.start({ gateway: gateway.identity }), {
        name: 'MixnetClientError',
        code: 'gateway',
      });
    } finally {
      await world.net.startNode(gateway.id);
    }
  });

  it('is lost when its gateway falls silent', limit, async () => {
    const [gateway] = world.net.gateways;
    assert.ok(gateway);
    await using line = await relayTcp(gateway.wsPort);
    await using directory = await relayDirectory(world.net.apiUrl);
    directory.change = (_, json) => json.replaceAll(`"ws_port":${gateway.wsPort}`, `"ws_port":${line.port}`);
    const client = await world.start({
      network: { name: 'relayed', apiUrl: directory.apiUrl },
      gateway: gateway.identity,
      heartbeat: { everyMs: 200, patienceMs: 1_000 },
    });
    const gone = lost(client);
    line.fallSilent();
    await gone;
    assert.match(client.lostReason?.message ?? '', /silent/);
  });

  it('is lost when its gateway sends what deafens the official client', limit, async () => {
    const [gateway] = world.net.gateways;
    assert.ok(gateway);
    await using line = await relayFrames(gateway.wsPort);
    await using directory = await relayDirectory(world.net.apiUrl);
    directory.change = (_, json) => json.replaceAll(`"ws_port":${gateway.wsPort}`, `"ws_port":${line.port}`);
    const network = { name: 'relayed', apiUrl: directory.apiUrl };
    const client = await world.start({ network, gateway: gateway.identity });
    const gone = lost(client);
    line.sayToClients('{"type":"error","message":"go away"}');
    await gone;
    assert.match(client.lostReason?.message ?? '', /go away/);
  });

  it('outlives its directory', limit, async () => {
    const directory = await relayDirectory(world.net.apiUrl);
    const network = { name: 'short-lived', apiUrl: directory.apiUrl };
    let asked = 0;
    const refreshed = new Promise<void>((resolve) => {
      directory.change = (path, json) => {
        // Once at the start and twice by the refresh.
        if (path.includes('rewarded-set') && (asked += 1) === 3) resolve();
        return asked > 1 ? 'nonsense' : json;
      };
    });
    const client = await world.start({ network, topologyRefreshMs: 200 });
    await refreshed;
    await directory[Symbol.asyncDispose]();
    const arrived = nextMessage(client);
    await client.send(client.address, bytes('still here'), 0);
    assert.deepEqual((await arrived).payload, bytes('still here'));
  });
});
