import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';

import { NymProxyClient } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { connectTo, readToEnd, resetCode, TestNetwork, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 90_000 };

/** A server whose upstream answers everything with its name. */
async function namedServer(env: string, name: string) {
  const upstream = await TestUpstream.start((socket) => {
    socket.on('data', () => socket.write(name));
    socket.on('end', () => socket.end());
  });
  const server = await NymProxyServer.create({ env, upstream: upstream.address, traffic: 'fast' });
  void server.run();
  return {
    server,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

it('a client with two servers goes on with the other one when its own is stopped', TIME_LIMIT, async () => {
  await using network = await TestNetwork.start();
  await using one = await namedServer(network.env, 'one');
  await using two = await namedServer(network.env, 'two');
  await using client = await NymProxyClient.create({
    env: network.env,
    serverAddress: [one.server.nymAddress, two.server.nymAddress],
    listenPort: 0,
    poolSize: 1,
    clients: 'shared',
    traffic: 'fast',
  });
  const changes: number[] = [];
  client.on('server', ({ server }) => changes.push(server));
  const open = connectTo(client);
  // After a few answers the server has SURBs to say good-bye with.
  for (let asked = 0; asked < 4; asked += 1) {
    open.write('who are you?');
    const [answer] = (await once(open, 'data')) as [Buffer];
    assert.equal(answer.toString(), 'one');
  }
  assert.equal(client.serverAddress, one.server.nymAddress);

  const broken = resetCode(open);
  await one.server.close();
  assert.equal(await broken, 'ECONNRESET');
  const next = connectTo(client);
  const said = readToEnd(next);
  next.end('who are you?');
  assert.equal((await said).toString(), 'two');
  assert.deepEqual([client.serverAddress, client.serverNumber], [two.server.nymAddress, 2]);
  assert.deepEqual(changes, [2]);
});
