import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { startLocalnet } from '../../src/localnet/index.js';
import { IDENTITY_FILE } from '../../src/mixnet/node/identity-store.js';
import type { StartOptions } from '../../src/mixnet/node/start.js';
import { relayDirectory } from './directory-relay.js';
import { bytes, limit, lost, nextMessage, withLocalnet } from './localnet-clients.js';

describe('a mixnet client with an identity that is kept', { timeout: 300_000 }, () => {
  const world = withLocalnet();
  let configDir = '';
  beforeEach(async () => {
    configDir = await mkdtemp(join(tmpdir(), 'nym-client-'));
  });
  afterEach(() => rm(configDir, { recursive: true }));

  /** Starts a client with the identity, reads its address and closes it. */
  async function addressOf(passphrase?: string, options: Partial<StartOptions> = {}): Promise<string> {
    const client = await world.start({ ...options, identity: { configDir, passphrase } });
    await client.close();
    return client.address;
  }

  it('has the same address again, and only authenticates', limit, async () => {
    const address = await addressOf();
    const file = await stat(join(configDir, IDENTITY_FILE));
    const first = (await world.net.counters()).gateways;
    assert.equal(await addressOf(), address);
    const second = (await world.net.counters()).gateways;
    assert.equal(second.registrations, first.registrations);
    assert.equal(second.authentications, first.authentications + 1);
    assert.equal(
      (await stat(join(configDir, IDENTITY_FILE))).ino,
      file.ino,
      'nothing changed, nothing is written',
    );
  });

  it('receives what was sent to it meanwhile', limit, async () => {
    const address = await addressOf();
    const sender = await world.start();
    const stored = async () => (await world.net.counters()).gateways.messagesStored;
    const before = await stored();
    await sender.send(address, bytes('for later'), 0);
    while ((await stored()) === before);
    const client = await world.start({ identity: { configDir } });
    assert.deepEqual((await nextMessage(client)).payload, bytes('for later'));
  });

  it('can be locked with a passphrase, and says what is wrong with it', limit, async () => {
    const address = await addressOf('secret');
    assert.equal(await addressOf('secret'), address);
    await assert.rejects(addressOf('guess'), { code: 'identity', message: /does not open/ });
    await assert.rejects(addressOf(), { code: 'identity', message: /is encrypted/ });
    assert.equal(await addressOf('secret'), address, 'nothing was damaged');
  });

  it('does not accept a passphrase it was not locked with', limit, async () => {
    await addressOf();
    await assert.rejects(addressOf('secret'), { code: 'identity', message: /is not encrypted/ });
  });

  it('is used by one client at a time', limit, async () => {
    const client = await world.start({ identity: { configDir } });
    await assert.rejects(addressOf(), { code: 'identity', message: /in use/ });
    await client.close();
    assert.equal(await addressOf(), client.address);
  });

  it('can be taken up again as soon as the client is lost', limit, async () => {
    const client = await world.start({ identity: { configDir } });
    const { id } = world.gatewayOf(client);
    const gone = lost(client);
    await world.net.stopNode(id);
    await gone;
    await world.net.startNode(id);
    assert.equal(await addressOf(), client.address);
  });

  it('cannot move to another gateway, and says so', limit, async () => {
    const address = await addressOf();
    const [ours, other] = [...world.net.gateways].sort(({ identity }) =>
      address.endsWith(identity) ? -1 : 1,
    );
    assert.ok(ours && other);
    assert.equal(await addressOf(undefined, { gateway: ours.identity }), address);
    await assert.rejects(addressOf(undefined, { gateway: other.identity }), {
      code: 'identity',
      message: /belongs to the gateway/,
    });
  });

  it('says what to do when its gateway has left the network', limit, async () => {
    const address = await addressOf();
    const gateway = address.slice(address.indexOf('@') + 1);
    await using directory = await relayDirectory(world.net.apiUrl);
    directory.change = (path, json) => {
      if (!path.includes('entry-gateways')) return json;
      const list = JSON.parse(json) as {
        nodes: { pagination: { total: number }; data: { ed25519_identity_pubkey: string }[] };
      };
      list.nodes.data = list.nodes.data.filter((node) => node.ed25519_identity_pubkey !== gateway);
      list.nodes.pagination.total = list.nodes.data.length;
      return JSON.stringify(list);
    };
    const network = { name: 'shrunk', apiUrl: directory.apiUrl };
    await assert.rejects(addressOf(undefined, { network }), (error: Error) => {
      assert.match(error.message, new RegExp(`${gateway} is gone from the network`));
      assert.ok(error.message.includes(`move ${join(configDir, IDENTITY_FILE)} away`));
      return true;
    });
    assert.equal(await addressOf(), address, 'the identity is left as it was');
  });

  it('says what to do when its gateway has forgotten it', limit, async () => {
    const stateDir = join(configDir, 'localnet');
    const netOf = async () => {
      const own = await startLocalnet({ stateDir });
      return { own, network: { name: 'forgetful', apiUrl: own.apiUrl } };
    };
    const before = await netOf();
    await addressOf(undefined, { network: before.network });
    await before.own.close();
    for (const name of await readdir(stateDir)) {
      if (name.startsWith('gateway-')) await rm(join(stateDir, name));
    }
    const after = await netOf();
    try {
      await assert.rejects(addressOf(undefined, { network: after.network }), {
        code: 'gateway',
        message: /does not know this client any more.*away and start again/,
      });
    } finally {
      await after.own.close();
    }
  });
});
