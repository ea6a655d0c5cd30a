import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { SessionError } from '../../src/session/errors.js';
import { MAX_WINDOW, SEND_BUFFER } from '../../src/session/limits.js';
import {
  MEBIBYTE,
  randomMebibytes,
  readToEnd,
  resetCode,
  sha256,
  TestNetwork,
  TestTunnel,
  TestUpstream,
  type Upstream,
} from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 60_000 };

const echo: Upstream = (socket) => void socket.pipe(socket);

describe('TCP connections through the mixnet', { timeout: 300_000 }, () => {
  let network: TestNetwork;
  let upstream: TestUpstream;
  let tunnel: TestTunnel;
  let handle: Upstream;

  before(async () => {
    network = await TestNetwork.start();
    upstream = await TestUpstream.start((socket) => handle(socket));
    tunnel = await TestTunnel.start(network.env, upstream.address);
  }, TIME_LIMIT);

  after(async () => {
    await tunnel[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  /** The next connection at the upstream. */
  const nextUpstream = () => new Promise<Socket>((resolve) => (handle = resolve));

  it('answer a half-closed request', TIME_LIMIT, async () => {
    handle = (socket) => {
      void readToEnd(socket).then((request) => socket.end(`heard ${request.toString()}`));
    };
    const socket = tunnel.connect();
    socket.end('hello');
    assert.equal((await readToEnd(socket)).toString(), 'heard hello');
  });

  it('let the upstream speak first', TIME_LIMIT, async () => {
    handle = (socket) => {
      socket.write('220 ready\r\n');
      socket.once('data', () => socket.end('221 bye\r\n'));
    };
    const socket = tunnel.connect();
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    assert.equal(greeting.toString(), '220 ready\r\n');
    socket.end('QUIT\r\n');
    assert.equal((await readToEnd(socket)).toString(), '221 bye\r\n');
  });

  it('end when the upstream ends first', TIME_LIMIT, async () => {
    handle = (socket) => socket.end('all there is');
    const socket = tunnel.connect();
    assert.equal((await readToEnd(socket)).toString(), 'all there is');
    const ended = new Promise<void>((resolve) => {
      const stop = tunnel.server.on('end', () => {
        stop();
        resolve();
      });
    });
    socket.end();
    await ended;
  });

  it('run ten at a time', { timeout: 120_000 }, async () => {
    handle = echo;
    await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const bytes = Buffer.alloc(5000 + n, n);
        const socket = tunnel.connect();
        socket.end(bytes);
        assert.deepEqual(await readToEnd(socket), bytes);
      }),
    );
  });

  it('carry a mebibyte each way at once', { timeout: 120_000 }, async () => {
    handle = echo;
    const bytes = randomMebibytes(1);
    const socket = tunnel.connect();
    socket.end(bytes);
    assert.equal(sha256(await readToEnd(socket)), sha256(bytes));
  });

  it('are reset when the upstream resets them', TIME_LIMIT, async () => {
    handle = (socket) => socket.once('data', () => socket.resetAndDestroy());
    const socket = tunnel.connect();
    socket.write('anyone there?');
    assert.equal(await resetCode(socket), 'ECONNRESET');
  });

  it('reset the upstream connection when the application resets theirs', TIME_LIMIT, async () => {
    const socket = tunnel.connect();
    const accepted = nextUpstream();
    socket.write('hello');
    const atUpstream = await accepted;
    await once(atUpstream, 'data');
    socket.resetAndDestroy();
    assert.equal(await resetCode(atUpstream), 'ECONNRESET');
  });

  it('hold an upload back that nobody reads, with little in memory', { timeout: 120_000 }, async () => {
    const socket = tunnel.connect();
    const accepted = nextUpstream();
    socket.write('hello');
    const atUpstream = await accepted;
    await once(atUpstream, 'data');
    atUpstream.pause();
    const bytes = randomMebibytes(8);
    socket.end(bytes);
    // Everything on the way fills up, and then nothing moves any more.
    let taken = -1;
    while (taken !== socket.bytesWritten - socket.writableLength) {
      taken = socket.bytesWritten - socket.writableLength;
      await once(AbortSignal.timeout(3000), 'abort');
    }
    // What the kernel's socket buffers at both TCP connections hold is not ours.
    assert.ok(taken < bytes.length, `all ${taken} bytes were taken`);
    assert.ok(taken - atUpstream.bytesRead < MAX_WINDOW + SEND_BUFFER + 7 * MEBIBYTE);
    atUpstream.destroy();
    await resetCode(socket);
  });
});

describe('An upstream that is not there', { timeout: 120_000 }, () => {
  it('shows as a reset of the connection', TIME_LIMIT, async () => {
    await using network = await TestNetwork.start();
    const gone = await TestUpstream.start(echo);
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    await using tunnel = await TestTunnel.start(network.env, address);
    const reason = new Promise<Error>((resolve) => tunnel.client.on('error', ({ error }) => resolve(error)));
    const socket = tunnel.connect();
    socket.write('hello');
    assert.equal(await resetCode(socket), 'ECONNRESET');
    assert.match((await reason).message, /refused/);
  });
});

describe('One mixnet client for all connections', { timeout: 120_000 }, () => {
  it('carries them side by side', TIME_LIMIT, async () => {
    await using network = await TestNetwork.start();
    await using upstream = await TestUpstream.start(echo);
    await using tunnel = await TestTunnel.start(network.env, upstream.address, { clients: 'shared' });
    await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const bytes = Buffer.alloc(3000 + n, n);
        const socket = tunnel.connect();
        socket.end(bytes);
        assert.deepEqual(await readToEnd(socket), bytes);
      }),
    );
  });
});

describe('A server that shuts down', { timeout: 120_000 }, () => {
  for (const ageMs of [0, 60, 1000]) {
    it(`says so to the client of a connection that is ${ageMs} ms old`, TIME_LIMIT, async () => {
      await using network = await TestNetwork.start();
      await using upstream = await TestUpstream.start(() => undefined);
      await using tunnel = await TestTunnel.start(network.env, upstream.address);
      const begun = new Promise((resolve) => tunnel.server.on('session', resolve));
      const reason = new Promise<Error>((resolve) =>
        tunnel.client.on('error', ({ error }) => resolve(error)),
      );
      const socket = tunnel.connect();
      await begun;
      // After 25 ms it has been answered, with all the SURBs that came with it.
      await pause(ageMs);
      await tunnel.server.close();
      const error = await reason;
      assert.ok(error instanceof SessionError && error.code === 'gone', String(error));
      socket.destroy();
    });
  }
});

describe('A server restarted with the same config directory', { timeout: 120_000 }, () => {
  it('has the same Nym address, and serves new connections of a client that stayed', TIME_LIMIT, async () => {
    await using network = await TestNetwork.start();
    await using upstream = await TestUpstream.start(echo);
    const configDir = `${network.directory}/server`;
    const { NymProxyServer } = await import('../../src/node/proxy-server.js');
    await using tunnel = await TestTunnel.start(network.env, upstream.address, { configDir });
    const ask = async (text: string) => {
      const socket = tunnel.connect();
      socket.end(text);
      return (await readToEnd(socket)).toString();
    };
    assert.equal(await ask('before'), 'before');
    await tunnel.server.close();
    await using restarted = await NymProxyServer.create({
      env: network.env,
      upstream: upstream.address,
      configDir,
      traffic: 'fast',
    });
    void restarted.run();
    assert.equal(restarted.nymAddress, tunnel.server.nymAddress);
    assert.equal(await ask('after'), 'after');
  });
});
