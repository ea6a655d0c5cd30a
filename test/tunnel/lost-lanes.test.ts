import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { startMixnetClient } from '../../src/mixnet/node/start.js';
import { ClientPool } from '../../src/mixnet/pool.js';
import { connectTcp } from '../../src/node/tcp.js';
import { PerConnectionDialer } from '../../src/proxy/dialer.js';
import { MultiLaneDialer } from '../../src/proxy/multi-lane-dialer.js';
import { SessionServer } from '../../src/proxy/server.js';
import { Servers } from '../../src/proxy/servers.js';
import { sha256, TestNetwork, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 120_000 };

/** Gateways of the server's two mixnet clients, and of the four of the connection, each with one of its own. */
const AT_SERVER = [0, 1] as const;
const AT_CLIENT = [2, 3, 4, 5] as const;

describe('a connection over four lanes, over localnet', TIME_LIMIT, () => {
  let network: TestNetwork;
  let upstream: TestUpstream;

  before(async () => {
    network = await TestNetwork.start({ gateways: AT_SERVER.length + AT_CLIENT.length });
    upstream = await TestUpstream.start((socket) => socket.pipe(socket));
  });

  after(async () => {
    await upstream[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  it('carries a transfer on, exactly, when the gateways of a lane at either end are gone for good', async () => {
    const { localnet } = network;
    const gateway = (index: number) => {
      const found = localnet.gateways[index];
      assert.ok(found);
      return found;
    };
    const start = (index: number): Promise<MixnetClient> =>
      startMixnetClient({
        network: { name: 'localnet', apiUrl: localnet.apiUrl },
        traffic: 'fast',
        gateway: gateway(index).identity,
      });

    const stop = new AbortController();
    const [host = '', port = ''] = upstream.address.split(':');
    const server = new SessionServer({
      connectUpstream: (signal) => connectTcp({ host, port: Number(port) }, signal),
    });
    const atServer = await Promise.all(AT_SERVER.map(start));
    atServer.forEach((client, number) => void server.serve(client, stop.signal, number));
    let started = 0;
    // Clients for lanes that were lost find a gateway that lives.
    const pool = new ClientPool({ reserve: 0, start: () => start(AT_CLIENT[started++] ?? AT_CLIENT[0]) });
    const servers = new Servers([atServer[0]?.address ?? '']);
    const each = new PerConnectionDialer(pool, { servers });
    const dialer = new MultiLaneDialer(
      AT_CLIENT.map(() => each),
      servers,
    );

    const { connection } = await dialer.dial();
    const bytes = randomBytes(600_000);
    const writer = connection.writable.getWriter();
    const writing = writer.write(bytes).then(() => writer.close());
    const read = createHash('sha256');
    let length = 0;
    let killed = false;
    for await (const chunk of connection.readable as unknown as AsyncIterable<Uint8Array>) {
      read.update(chunk);
      length += chunk.length;
      if (killed || length < bytes.length / 4) continue;
      killed = true;
      assert.equal(each.carriers.length, AT_CLIENT.length);
      await Promise.all([localnet.stopNode(gateway(AT_SERVER[1]).id), localnet.stopNode(gateway(5).id)]);
    }
    await writing;
    assert.ok(killed);
    assert.equal(length, bytes.length);
    assert.equal(read.digest('hex'), sha256(bytes));
    await connection.closed;
    assert.equal(server.counts.sessionsEnded, 1);

    await dialer.close();
    stop.abort();
    await server.close();
    await Promise.all(atServer.map((client) => client.close()));
  });
});
