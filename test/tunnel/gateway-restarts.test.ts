import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';

import {
  MEBIBYTE,
  randomMebibytes,
  readToEnd,
  sha256,
  TestNetwork,
  TestTunnel,
  TestUpstream,
  type TunnelOptions,
} from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 180_000 };

const MEBIBYTES = 2;

/** Kills a gateway, and restarts it when everybody has felt it. */
async function restart(network: TestNetwork, identity: string): Promise<void> {
  const gateway = network.localnet.gateways.find((node) => node.identity === identity);
  assert.ok(gateway);
  await network.localnet.stopNode(gateway.id);
  await once(AbortSignal.timeout(1000), 'abort');
  await network.localnet.startNode(gateway.id);
}

/**
 * Carries bytes both ways over one connection, and restarts a gateway when a good part has gone each way and much is
 * still to come. Client and server have one each.
 */
async function transfer(
  clients: NonNullable<TunnelOptions['clients']>,
  whose: 'gateway' | 'serverGateway',
): Promise<void> {
  await using network = await TestNetwork.start({ gateways: 2 });
  const [gateway, serverGateway] = network.localnet.gateways.map(({ identity }) => identity);
  assert.ok(gateway !== undefined && serverGateway !== undefined);
  const [up, down] = [randomMebibytes(MEBIBYTES), randomMebibytes(MEBIBYTES)];
  let uploaded = 0;
  let downloaded = 0;
  let atUpstream: Promise<Buffer> | undefined;
  await using upstream = await TestUpstream.start((socket) => {
    atUpstream = readToEnd(socket);
    socket.on('data', (chunk: Buffer) => (uploaded += chunk.length));
    socket.end(down);
  });
  const gateways = { gateway, serverGateway };
  const configDir = `${network.directory}/server`;
  await using tunnel = await TestTunnel.start(network.env, upstream.address, {
    clients,
    configDir,
    ...gateways,
  });
  const outages = { gateway: [] as number[], serverGateway: [] as number[] };
  tunnel.client.on('recovery', ({ outageMs }) => outages.gateway.push(outageMs));
  tunnel.server.on('recovery', ({ outageMs }) => outages.serverGateway.push(outageMs));
  const socket = tunnel.connect();
  const received = readToEnd(socket);
  const midway = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      downloaded += chunk.length;
      if (Math.min(downloaded, uploaded) > MEBIBYTE / 4) resolve();
    });
  });
  socket.end(up);
  await midway;
  await restart(network, gateways[whose]);
  assert.equal(sha256(await received), sha256(down));
  assert.ok(atUpstream);
  assert.equal(sha256(await atUpstream), sha256(up));
  const told = outages[whose];
  assert.ok(told.length > 0 && told.every((ms) => ms > 0), 'it is told that it is back');
}

for (const clients of ['per-connection', 'shared'] as const) {
  describe(`A transfer with ${clients} mixnet clients`, { timeout: 400_000 }, () => {
    it("goes on when the client's gateway is killed and restarted", TIME_LIMIT, () =>
      transfer(clients, 'gateway'),
    );

    it("goes on when the server's gateway is killed and restarted", TIME_LIMIT, () =>
      transfer(clients, 'serverGateway'),
    );
  });
}
