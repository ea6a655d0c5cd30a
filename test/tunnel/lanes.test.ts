import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { NymProxyClient } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import {
  connectTo,
  randomMebibytes,
  readToEnd,
  resetCode,
  sha256,
  TestNetwork,
  TestUpstream,
} from '../support/tunnel.js';

const KEY = '1'.repeat(32);
const ADDRESS = `${KEY}.${KEY}@${KEY}`;

const TIME_LIMIT = { timeout: 120_000 };

describe('connections over several lanes, over localnet', TIME_LIMIT, () => {
  let network: TestNetwork;
  let upstream: TestUpstream;

  before(async () => {
    network = await TestNetwork.start({ gateways: 3 });
    upstream = await TestUpstream.start((socket) => socket.pipe(socket));
  });

  after(async () => {
    await upstream[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  const newServer = async (options: { lanes?: number; configDir?: string }) => {
    const { env } = network;
    const server = await NymProxyServer.create({
      env,
      upstream: upstream.address,
      traffic: 'fast',
      ...options,
    });
    void server.run();
    return server;
  };
  const newClient = ({ nymAddress }: NymProxyServer, options: { lanes: number; clients?: 'shared' }) =>
    NymProxyClient.create({
      env: network.env,
      serverAddress: nymAddress,
      listenPort: 0,
      poolSize: 1,
      traffic: 'fast',
      ...options,
    });

  it('carry two mebibytes each way, exactly, and small requests', async () => {
    await using server = await newServer({ lanes: 2 });
    await using client = await newClient(server, { lanes: 2 });
    const bytes = randomMebibytes(2);
    const socket = connectTo(client);
    socket.end(bytes);
    assert.equal(sha256(await readToEnd(socket)), sha256(bytes));
    const small = connectTo(client);
    small.end('hello');
    assert.equal((await readToEnd(small)).toString(), 'hello');
  });

  it('share clients, go to servers without lanes, and are what one lane is', async () => {
    await using server = await newServer({});
    await using client = await newClient(server, { lanes: 2, clients: 'shared' });
    const answers = ['one', 'two', 'three'].map(async (text) => {
      const socket = connectTo(client);
      socket.end(text);
      assert.equal((await readToEnd(socket)).toString(), text);
    });
    await Promise.all(answers);
    const broken = connectTo(client);
    broken.write('never ends');
    await new Promise((resolve) => broken.once('data', resolve));
    const reset = resetCode(broken);
    await server.close();
    assert.equal(await reset, 'ECONNRESET');
  });

  it('keep the addresses of a server’s lanes in its directory', async () => {
    const configDir = join(network.directory, 'lanes');
    for (let start = 0; start < 2; start += 1) {
      await using server = await newServer({ lanes: 2, configDir });
      await using client = await newClient(server, { lanes: 2 });
      const socket = connectTo(client);
      socket.end('again');
      assert.equal((await readToEnd(socket)).toString(), 'again');
    }
    const files = await readdir(configDir, { recursive: true });
    assert.ok(files.includes(join('lane-1', 'identity')), files.join(' '));
  });

  it('are refused where there can be no such number of lanes', async () => {
    for (const lanes of [0, 17, 1.5]) {
      await assert.rejects(newServer({ lanes }), /lanes must be a whole number from 1 to 16/);
      await assert.rejects(
        NymProxyClient.create({ env: network.env, serverAddress: ADDRESS, lanes }),
        /lanes must be a whole number from 1 to 16/,
      );
    }
  });
});
