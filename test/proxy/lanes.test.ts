import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { ClientPool } from '../../src/mixnet/pool.js';
import { PerConnectionDialer, SharedDialer } from '../../src/proxy/dialer.js';
import type { ByteStreams, UpstreamConnection } from '../../src/proxy/join.js';
import { envelopeOf, type Protocol } from '../../src/proxy/protocol.js';
import { SessionServer, type SessionServerOptions } from '../../src/proxy/server.js';
import { Servers } from '../../src/proxy/servers.js';
import { MultiLaneDialer } from '../../src/proxy/multi-lane-dialer.js';
import { SessionError } from '../../src/session/errors.js';
import { SessionOpener } from '../../src/session/opener.js';
import { newConnectionId } from '../../src/wire/lane.js';
import { formatNymAddress } from '../../src/wire/nym-address.js';
import { MemoryMixnet, type MemoryClient } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 60_000 };

const newAddress = () => {
  const [identity, encryption, gateway] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  return formatNymAddress({ identity, encryption, gateway });
};

/** Sends back what comes. */
function echo(): Promise<UpstreamConnection> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  return Promise.resolve({
    readable,
    writable,
    failure: undefined,
    fail: () => writable.abort().catch(() => undefined),
    reset: () => void writable.abort().catch(() => undefined),
  });
}

interface WorldOptions extends Partial<Omit<SessionServerOptions, 'protocol'>> {
  readonly lanes?: number;
  readonly serverLanes?: number;
  /** Addresses that nobody has. */
  readonly otherServers?: readonly string[];
  readonly protocol?: Protocol;
}

/** A server with so many mixnet clients, and a dialer with so many lanes. */
function world(
  Kind: typeof PerConnectionDialer | typeof SharedDialer,
  { lanes = 4, serverLanes = 4, otherServers = [], protocol, ...options }: WorldOptions = {},
) {
  const mixnet = new MemoryMixnet();
  const server = new SessionServer({ connectUpstream: echo, ...options });
  const stop = new AbortController();
  const atServer = Array.from({ length: serverLanes }, () => mixnet.client(newAddress()));
  atServer.forEach((client, number) => void server.serve(client, stop.signal, number));
  const atClient: MemoryClient[] = [];
  const pool = new ClientPool({
    reserve: 0,
    start: () => {
      const client = mixnet.client(newAddress());
      atClient.push(client);
      return Promise.resolve(client);
    },
  });
  const [address = ''] = atServer.map((client) => client.address);
  const servers = new Servers([address, ...otherServers]);
  const dialerOptions = { servers, ...(protocol && { envelope: envelopeOf(protocol) }) };
  const newDialer = () => new Kind(pool, dialerOptions);
  const one = newDialer();
  const others = Array.from({ length: lanes - 1 }, () => (Kind === SharedDialer ? newDialer() : one));
  const dialer = new MultiLaneDialer([one, ...others], servers);
  const close = async () => {
    await dialer.close();
    stop.abort();
    await server.close();
    mixnet.close();
  };
  return { mixnet, server, dialer, atServer, atClient, pool, stop, [Symbol.asyncDispose]: close };
}

/** Sends bytes and gives what comes back. */
async function exchange({ readable, writable }: ByteStreams, bytes: Uint8Array): Promise<Buffer> {
  const writer = writable.getWriter();
  const writing = (async () => {
    await writer.write(bytes);
    await writer.close();
  })();
  const [read] = await Promise.all([buffer(readable), writing]);
  return read;
}

for (const Kind of [PerConnectionDialer, SharedDialer]) {
  describe(`a connection over several lanes (${Kind.name})`, TIME_LIMIT, () => {
    it('comes back as it went, over all clients of both ends, as one session of one upstream', async () => {
      let upstreams = 0;
      await using tried = world(Kind, {
        connectUpstream: () => {
          upstreams += 1;
          return echo();
        },
      });
      const { connection: session } = await tried.dialer.dial();
      const bytes = randomBytes(3_000_000);
      assert.ok((await exchange(session, bytes)).equals(bytes));
      await session.closed;
      assert.equal(upstreams, 1);
      assert.equal(tried.server.counts.sessionsOpened, 1);
      assert.equal(tried.server.counts.bytesReceived, bytes.length);
      const carried = tried.atServer.map(({ taken }) => taken);
      assert.equal(carried.length, 4);
      assert.ok(
        carried.every((messages) => messages > 40),
        `messages to each: ${carried.join(', ')}`,
      );
      assert.ok(tried.atClient.length === 4 && tried.atClient.every(({ taken }) => taken > 40));
    });

    it('is carried whatever the number of clients at the other end', async () => {
      for (const [lanes, serverLanes] of [
        [4, 1],
        [2, 5],
        [1, 3],
      ] as const) {
        await using tried = world(Kind, { lanes, serverLanes });
        const { connection: session } = await tried.dialer.dial();
        const bytes = randomBytes(300_000);
        assert.ok((await exchange(session, bytes)).equals(bytes));
        await session.closed;
      }
    });

    it('is carried as streams too', async () => {
      await using tried = world(Kind, { protocol: 'stream' });
      const { connection: session } = await tried.dialer.dial();
      const bytes = randomBytes(300_000);
      assert.ok((await exchange(session, bytes)).equals(bytes));
      await session.closed;
    });

    it('goes on when mixnet clients of either end die, losing what was on its way', async () => {
      await using tried = world(Kind);
      const { mixnet, server, dialer, atServer, atClient, pool, stop } = tried;
      const { connection: session } = await dialer.dial();
      const bytes = randomBytes(4_000_000);
      const exchanged = exchange(session, bytes);
      while (atServer.some(({ taken }) => taken < 10)) await setTimeout(5);
      atClient[2]?.lose();
      const died = atServer[1];
      died?.lose();
      await setTimeout(20);
      pool.hurry();
      void server.serve(mixnet.client(died?.address ?? ''), stop.signal, 1);
      assert.ok((await exchanged).equals(bytes));
      await session.closed;
    });
  });
}

describe('a server with lanes', TIME_LIMIT, () => {
  it('carries a connection on when a lane of it is lost for good, and the opener opens another', async () => {
    await using tried = world(PerConnectionDialer);
    const { server, dialer, atServer, atClient } = tried;
    const { connection: session } = await dialer.dial();
    const bytes = randomBytes(1_000_000);
    const read = buffer(session.readable);
    const writer = session.writable.getWriter();
    await writer.write(bytes);
    while (atServer.some(({ taken }) => taken < 10)) await setTimeout(5);
    await server.leave(2, new SessionError('gone', 'us'));
    while (atClient.length < 5) await setTimeout(5);
    await writer.write(bytes);
    await writer.close();
    assert.ok((await read).equals(Buffer.concat([bytes, bytes])));
    await session.closed;
  });

  it('resets a connection when all its lanes are lost for good', async () => {
    await using tried = world(PerConnectionDialer, { lanes: 2, serverLanes: 2 });
    const { server, dialer, atServer } = tried;
    const { connection: session } = await dialer.dial();
    const exchanged = exchange(session, randomBytes(4_000_000));
    exchanged.catch(() => undefined);
    while (atServer.some(({ taken }) => taken < 10)) await setTimeout(5);
    await Promise.all([0, 1].map((number) => server.leave(number, new SessionError('gone', 'us'))));
    await assert.rejects(session.closed, { code: 'gone', by: 'peer' });
    await assert.rejects(exchanged, SessionError);
  });

  it('delivers what its upstream said before it broke, and then the error', async () => {
    for (const length of [3000, 200_000, 3_000_000]) {
      const said = randomBytes(length);
      const connectUpstream = (): Promise<UpstreamConnection> => {
        let at = 0;
        let failure: SessionError | undefined;
        const readable = new ReadableStream<Uint8Array>({
          pull(controller) {
            if (at >= length) controller.error((failure = new SessionError('upstream-reset', 'us')));
            else controller.enqueue(said.subarray(at, (at += 50_000)));
          },
        });
        const writable = new WritableStream<Uint8Array>();
        const fail = () => Promise.resolve();
        const reset = () => undefined;
        return Promise.resolve({
          readable,
          writable,
          fail,
          reset,
          get failure() {
            return failure;
          },
        });
      };
      await using tried = world(PerConnectionDialer, { connectUpstream });
      const { connection } = await tried.dialer.dial();
      const chunks: Uint8Array[] = [];
      const reading = (async () => {
        for await (const chunk of connection.readable) chunks.push(chunk);
      })();
      await assert.rejects(reading, { code: 'upstream-reset', by: 'peer' });
      assert.equal(Buffer.concat(chunks).length, length);
      assert.ok(Buffer.concat(chunks).equals(said));
    }
  });

  it('is left for another when its upstream refuses', async () => {
    const refuse = () => Promise.reject(new SessionError('refused', 'us'));
    const another = newAddress();
    await using tried = world(PerConnectionDialer, { connectUpstream: refuse, otherServers: [another] });
    const first = await tried.dialer.dial();
    await assert.rejects(first.connection.closed, { code: 'refused', by: 'peer' });
    const { server } = await tried.dialer.dial();
    assert.equal(server, another);
  });

  it('refuses a lane of no connection', async () => {
    await using tried = world(PerConnectionDialer);
    const { mixnet, atServer, server } = tried;
    const [{ address } = { address: '' }] = atServer;
    const opener = new SessionOpener(mixnet.client(newAddress()));
    const session = opener.open(address, { lane: { connection: newConnectionId(), number: 1 } });
    await assert.rejects(session.closed, { code: 'gone', by: 'peer' });
    assert.equal(server.counts.sessionsOpened, 0);
    await opener.close();
  });

  it('takes no lane without the access token', async () => {
    const token = 'correct-horse-battery';
    await using tried = world(PerConnectionDialer, { tokens: () => [token] });
    const { connection: session } = await tried.dialer.dial();
    await assert.rejects(session.closed, { code: 'token', by: 'peer' });
  });
});
