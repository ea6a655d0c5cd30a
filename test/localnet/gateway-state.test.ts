import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { base58 } from '@scure/base';
import { GatewayClient, testIdentity } from '../support/gateway-client.js';
import { messageHop, startTestGateway, testMessage } from '../support/test-gateway.js';

const IN_TIME = { timeout: 30_000 };

async function temporaryFile(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'localnet-test-'));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, 'gateway.json');
}

describe('the state file of a gateway', IN_TIME, () => {
  it('keeps keys, bandwidth, timestamps and inboxes across a restart', async (t) => {
    const stateFile = await temporaryFile(t);
    const first = await startTestGateway(t, { stateFile });
    const client = await first.registered();
    client.send({ type: 'claimFreeTestnetBandwidth' });
    const { available_total: bandwidth } = await client.nextReply('bandwidth');
    await client.close();
    for (const i of [1, 2, 3]) first.gateway.finalHop(messageHop(client.identity, testMessage(i)));
    await first.gateway.close();

    const second = await startTestGateway(t, { stateFile });
    const back = await GatewayClient.connect(second.gateway.wsPort, client.identity, client.key);
    back.authenticateV2();
    for (const i of [1, 2, 3]) assert.deepEqual(await back.nextPush(), testMessage(i));
    assert.equal((await back.nextReply('authenticate'))['bandwidth_remaining'], bandwidth);
  });

  it('of an earlier version, which does not say when bandwidth ends, has clients claim again', async (t) => {
    const stateFile = await temporaryFile(t);
    const first = await startTestGateway(t, { stateFile });
    const client = await first.registered();
    client.send({ type: 'claimFreeTestnetBandwidth' });
    await client.nextReply('bandwidth');
    await first.gateway.close();
    const text = await readFile(stateFile, 'utf8');
    const earlier = text.replace(/"bandwidthEndsAt":\d+/, '"legacy":false');
    assert.notEqual(earlier, text);
    await writeFile(stateFile, earlier);
    const second = await startTestGateway(t, { stateFile });
    const back = await GatewayClient.connect(second.gateway.wsPort, client.identity, client.key);
    back.authenticateV2();
    assert.equal((await back.nextReply('authenticate'))['bandwidth_remaining'], 0);
  });

  it('refuses a timestamp older than one from before the restart', async (t) => {
    const stateFile = await temporaryFile(t);
    const first = await startTestGateway(t, { stateFile });
    const client = await first.returning(await first.registered());
    await first.gateway.close();
    const second = await startTestGateway(t, { stateFile });
    const back = await GatewayClient.connect(second.gateway.wsPort, client.identity, client.key);
    back.authenticateV2({ timestamp: Math.floor(Date.now() / 1000) - 60 });
    assert.match(String((await back.nextReply('error'))['message']), /smaller or equal/);
  });

  it('holds a new client by the time it knows that it is registered', async (t) => {
    const stateFile = await temporaryFile(t);
    const { registered } = await startTestGateway(t, { stateFile, limits: { saveDelayMs: 1_000_000 } });
    const client = await registered();
    const text = await readFile(stateFile, 'utf8');
    assert.match(text, new RegExp(base58.encode(client.identity.publicKey)));
  });

  it('is for its owner only, and nothing is left beside it', async (t) => {
    const stateFile = await temporaryFile(t);
    const { registered, gateway } = await startTestGateway(t, { stateFile });
    await Promise.all([registered(), registered(), registered()]);
    await gateway.close();
    assert.equal((await stat(stateFile)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(stateFile, '..')), ['gateway.json']);
  });

  it('that cannot be understood is named in the error and left alone', async (t) => {
    const stateFile = await temporaryFile(t);
    const start = () => startTestGateway(t, { stateFile });
    const { gateway, registered } = await start();
    await registered();
    await gateway.close();
    const good = await readFile(stateFile, 'utf8');
    const bad = [
      '',
      'null',
      '{}',
      good.slice(0, -1),
      good.replace('"version":1', '"version":2'),
      good.replace(/"gateway":"\w+"/, '"gateway":"2"'),
      good.replace(/"key":"/, '"key":"AA'),
      good.replace(/"address":"/, '"address":"0'),
      good.replace('"bandwidth":0', '"bandwidth":-1'),
      good.replace('"bandwidthEndsAt":0', '"bandwidthEndsAt":null'),
      good.replace('"inbox":[]', '"inbox":[{}]'),
    ];
    for (const content of bad) {
      assert.notEqual(content, good);
      await writeFile(stateFile, content);
      await assert.rejects(start, (error: Error & { code?: string }) => {
        assert.equal(error.code, 'state-corrupt', error.message);
        assert(error.message.includes(stateFile));
        return true;
      });
      assert.equal(await readFile(stateFile, 'utf8'), content);
    }
  });

  it('that cannot be written does not stop the gateway, but its close says so', async (t) => {
    const stateFile = join(await temporaryFile(t), 'no-such-directory', 'gateway.json');
    const { registered, gateway } = await startTestGateway(t, { stateFile });
    await registered();
    assert.equal(gateway.counters().saveFailures, 1);
    await assert.rejects(gateway.close(), { code: 'state-unusable' });
  });
});

describe('the memory of a gateway without state file', IN_TIME, () => {
  it('can be handed to the gateway that is started in its place', async (t) => {
    const first = await startTestGateway(t);
    const client = await first.registered();
    await first.gateway.close();
    const second = await startTestGateway(t, { memory: first.gateway.memory });
    const back = await GatewayClient.connect(second.gateway.wsPort, client.identity, client.key);
    back.authenticateV2();
    await back.nextReply('authenticate');
  });

  it('forgets the clients not seen for longest, but none that is connected', async (t) => {
    const { registered, returning, gateway, connect } = await startTestGateway(t, { limits: { clients: 2 } });
    const online = await registered(testIdentity());
    const gone = await registered();
    await gone.close();
    const newest = await registered();
    assert.equal(gateway.memory.clients.size, 2);
    await returning(online);
    await returning(newest);
    const forgotten = await connect(gone.identity);
    forgotten.key = gone.key;
    forgotten.authenticateV2();
    assert.equal((await forgotten.nextReply('error'))['message'], 'the client is not registered');
  });
});
