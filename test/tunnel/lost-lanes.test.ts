import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { startMixnetClient } from '../../src/mixnet/node/start.js';
import { ClientPool } from '../../src/mixnet/pool.js';
import { connectTcp } from '../../src/node/tcp.js';
import { PerConnectionDialer } from '../../src/proxy/dialer.js';
import { MultiLaneDialer } from '../../src/proxy/multi-lane-dialer.js';
import { SessionServer } from '../../src/proxy/server.js';
import { Servers } from '../../src/proxy/servers.js';
import { TestNetwork, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 180_000 };

/** Gateways of the server's two mixnet clients, and of the four of the connection, each with one of its own. */
const AT_SERVER = [0, 1] as const;
const AT_CLIENT = [2, 3, 4, 5] as const;

/** Bytes that come back over all lanes before two are lost, and afterwards. */
const BEFORE = 20_000;
const AFTERWARDS = 50_000;

/** Bytes that may be on their way: enough for all lanes, and few, as six mixnet clients share one machine. */
const AHEAD = 96_000;

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
    const [sent, read] = [createHash('sha256'), createHash('sha256')];
    let [written, length] = [0, 0];
    /** Bytes that had come back when all lanes were there, and when two were lost. */
    let [complete, killed] = [Infinity, Infinity];
    const writing = (async () => {
      const writer = connection.writable.getWriter();
      while (length < killed + AFTERWARDS) {
        if (written - length > AHEAD) {
          await setTimeout(5);
          continue;
        }
        const bytes = randomBytes(16_384);
        sent.update(bytes);
        written += bytes.length;
        await writer.write(bytes);
      }
      await writer.close();
    })();
    writing.catch(() => undefined);
    try {
      for await (const chunk of connection.readable as unknown as AsyncIterable<Uint8Array>) {
        read.update(chunk);
        length += chunk.length;
        if (each.carriers.length === AT_CLIENT.length) complete = Math.min(complete, length);
        if (killed < Infinity || length < complete + BEFORE) continue;
        killed = length;
        await Promise.all([AT_SERVER[1], AT_CLIENT[3]].map((index) => localnet.stopNode(gateway(index).id)));
      }
      await writing;
      assert.ok(killed < Infinity);
      assert.equal(length, written);
      assert.equal(read.digest('hex'), sent.digest('hex'));
      await connection.closed;
      // The other end hears of the end a little later.
      while (server.counts.sessionsOpen > 0) await setTimeout(20);
      assert.equal(server.counts.sessionsEnded, 1);
    } finally {
      await dialer.close();
      stop.abort();
      await server.close();
      await Promise.all(atServer.map((client) => client.close()));
    }
  });
});
