import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { base58 } from '@scure/base';
import { startLocalnet } from '../../src/localnet/index.js';
import type { Localnet, LocalnetOptions } from '../../src/localnet/index.js';
import { GatewayClient, testIdentity } from '../support/gateway-client.js';

const IN_TIME = { timeout: 60_000 };

/** A directory in which nothing is yet, and starts of localnets there. */
async function stateDirectory(t: TestContext) {
  const parent = await mkdtemp(join(tmpdir(), 'localnet-test-'));
  const stateDir = join(parent, 'state');
  const started: Localnet[] = [];
  t.after(async () => {
    await Promise.all(started.map((localnet) => localnet.close().catch(() => undefined)));
    await rm(parent, { recursive: true });
  });
  const start = async (options: LocalnetOptions = {}) => {
    const localnet = await startLocalnet({ gateways: 1, mixNodesPerLayer: 1, stateDir, ...options });
    started.push(localnet);
    return localnet;
  };
  return { stateDir, start };
}

function firstGateway(localnet: Localnet) {
  const [gateway] = localnet.gateways;
  assert(gateway);
  return gateway;
}

describe('a localnet with a state directory', IN_TIME, () => {
  it('has the same nodes, keys and ports after a restart', async (t) => {
    const { start } = await stateDirectory(t);
    const first = await start();
    await first.close();
    const second = await start();
    assert.deepEqual(second.nodes, first.nodes);
    assert.equal(second.apiUrl, first.apiUrl);
  });

  it('still knows its clients after a restart', async (t) => {
    const { start } = await stateDirectory(t);
    const first = await start();
    const { wsPort, identity } = firstGateway(first);
    const client = await GatewayClient.connect(wsPort, testIdentity());
    await client.register(base58.decode(identity));
    await first.close();
    await client.closed;

    await start();
    const back = await GatewayClient.connect(wsPort, client.identity, client.key);
    back.authenticateV2();
    await back.nextReply('authenticate');
  });

  it('keeps old nodes when it grows, and gives them back after it shrank', async (t) => {
    const { start } = await stateDirectory(t);
    const small = await start();
    await small.close();
    const large = await start({ gateways: 3, mixNodesPerLayer: 2 });
    await large.close();
    for (const node of small.nodes)
      assert.deepEqual(
        large.nodes.find(({ id }) => id === node.id),
        node,
      );
    assert.equal(new Set(large.nodes.map(({ id }) => id)).size, 9);

    const smallAgain = await start();
    assert.deepEqual(smallAgain.nodes, small.nodes);
    await smallAgain.close();
    assert.deepEqual((await start({ gateways: 3, mixNodesPerLayer: 2 })).nodes, large.nodes);
  });

  it('is for its owner only', async (t) => {
    const { start, stateDir } = await stateDirectory(t);
    const localnet = await start();
    await localnet.close();
    assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
    const files = await readdir(stateDir);
    const gateway = `gateway-${firstGateway(localnet).identity}.json`;
    assert.deepEqual(files.sort(), [gateway, 'localnet.json']);
    for (const file of files) assert.equal((await stat(join(stateDir, file))).mode & 0o777, 0o600);
  });

  it('names a file that it does not understand, and leaves it alone', async (t) => {
    const { start, stateDir } = await stateDirectory(t);
    const localnet = await start();
    await localnet.close();
    const files = [`gateway-${firstGateway(localnet).identity}.json`, 'localnet.json'];
    for (const file of files) {
      const path = join(stateDir, file);
      const good = await readFile(path, 'utf8');
      for (const bad of ['', '{}', good.slice(0, -5), good.replace('"version":', '"version":9')]) {
        await writeFile(path, bad);
        await assert.rejects(start(), (error: Error & { code?: string }) => {
          assert.equal(error.code, 'state-corrupt', error.message);
          assert(error.message.includes(path));
          return true;
        });
        assert.equal(await readFile(path, 'utf8'), bad);
      }
      await writeFile(path, good);
    }
    await start();
  });

  it('says why it cannot be used by two at once', async (t) => {
    const { start, stateDir } = await stateDirectory(t);
    const first = await start();
    await assert.rejects(start(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'port-in-use');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${firstGateway(first).wsPort}`));
      assert(error.message.includes(stateDir));
      return true;
    });
  });

  it('says that a directory cannot be used', async (t) => {
    const { start, stateDir } = await stateDirectory(t);
    await writeFile(stateDir, 'a file');
    await assert.rejects(start(), { code: 'state-unusable' });
  });
});

describe('a localnet without one', IN_TIME, () => {
  it('has new keys each time', async (t) => {
    const [one, other] = await Promise.all([
      startLocalnet({ gateways: 1, mixNodesPerLayer: 1 }),
      startLocalnet({ gateways: 1, mixNodesPerLayer: 1 }),
    ]);
    t.after(() => Promise.all([one.close(), other.close()]));
    const keys = [...one.nodes, ...other.nodes].flatMap(({ identity, sphinxKey }) => [identity, sphinxKey]);
    assert.equal(new Set(keys).size, 16);
  });

  it('keeps the clients of a gateway that is stopped and started', async (t) => {
    const localnet = await startLocalnet({ gateways: 1, mixNodesPerLayer: 1 });
    t.after(() => localnet.close());
    const { id, wsPort, identity } = firstGateway(localnet);
    const client = await GatewayClient.connect(wsPort, testIdentity());
    await client.register(base58.decode(identity));
    await localnet.stopNode(id);
    await client.closed;
    await assert.rejects(GatewayClient.connect(wsPort, client.identity));

    await localnet.startNode(id);
    const back = await GatewayClient.connect(wsPort, client.identity, client.key);
    back.authenticateV2();
    await back.nextReply('authenticate');
    const { gateways } = await localnet.counters();
    assert.deepEqual([gateways.registrations, gateways.authentications, gateways.connections], [1, 1, 1]);
  });
});
