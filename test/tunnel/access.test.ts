import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';

import { NymProxyClient, type NymProxyClientOptions } from '../../src/node/proxy-client.js';
import { NymProxyServer, type NymProxyServerOptions } from '../../src/node/proxy-server.js';
import { SessionError } from '../../src/session/errors.js';
import { connectTo, readToEnd, resetCode, TestNetwork, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 60_000 };
const TOKEN = 'correct-horse-battery';
const OTHER = 'staple-horse-battery';

describe('access to a server, over the official client', { timeout: 300_000 }, () => {
  let network: TestNetwork;
  let web: TestUpstream;
  let ssh: TestUpstream;
  let connections = 0;

  before(async () => {
    network = await TestNetwork.start();
    web = await TestUpstream.start((socket) => {
      connections += 1;
      const answer = (request: Buffer) => void socket.end(`web heard ${request.toString()}`);
      readToEnd(socket).then(answer, () => undefined);
    });
    ssh = await TestUpstream.start((socket) => socket.end('ssh'));
  }, TIME_LIMIT);

  after(async () => {
    await web[Symbol.asyncDispose]();
    await ssh[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  async function startServer(options: Partial<NymProxyServerOptions>): Promise<NymProxyServer> {
    const server = await NymProxyServer.create({
      env: network.env,
      traffic: 'fast',
      upstream: web.address,
      ...options,
    });
    void server.run();
    return server;
  }

  const startClient = (server: NymProxyServer, options: Partial<NymProxyClientOptions> = {}) =>
    NymProxyClient.create({
      env: network.env,
      serverAddress: server.nymAddress,
      listenPort: 0,
      clients: 'shared',
      traffic: 'fast',
      ...options,
    });

  async function ask(client: NymProxyClient): Promise<string> {
    const socket = connectTo(client);
    socket.end('hello');
    return (await readToEnd(socket)).toString();
  }

  /** The code of the reset that a connection of this client meets. */
  async function refusal(client: NymProxyClient): Promise<unknown> {
    const failed = new Promise<Error>((resolve) => {
      const stop = client.on('error', ({ error }) => {
        stop();
        resolve(error);
      });
    });
    const socket = connectTo(client);
    socket.write('hello');
    assert.equal(await resetCode(socket), 'ECONNRESET');
    const error = await failed;
    assert.ok(error instanceof SessionError);
    assert.equal(error.by, 'peer');
    return error.code;
  }

  it('needs a token that is good, and ends when it is revoked', { timeout: 120_000 }, async () => {
    const tokensFile = join(network.directory, 'tokens');
    await writeFile(tokensFile, `${TOKEN}\n${OTHER}\n`, { mode: 0o600 });
    await using server = await startServer({ tokensFile });
    await using holder = await startClient(server, { token: TOKEN });
    await using stranger = await startClient(server);
    await using liar = await startClient(server, { token: 'incorrect-horse-battery' });
    const before = connections;
    assert.equal(await refusal(stranger), 'token');
    assert.equal(await refusal(liar), 'token');
    assert.equal(connections, before, 'no upstream was opened');
    assert.equal(await ask(holder), 'web heard hello');
    // The server may hear later than the client that a session has ended.
    while (server.counts.sessionsOpen > 0) await pause(10);

    const open = connectTo(holder);
    const reset = resetCode(open);
    const arrived = new Promise((resolve) => server.on('session', resolve));
    open.write('and then');
    await arrived;
    await writeFile(tokensFile, `${OTHER}\n`, { mode: 0o600 });
    server.reloadTokens();
    assert.equal(await reset, 'ECONNRESET');
    assert.equal(await refusal(holder), 'token');
    assert.equal(server.counts.refusals.get('token'), 4);
  });

  it('leads to the upstream that is asked for by name, and to no other', TIME_LIMIT, async () => {
    await using server = await startServer({ upstreams: { ssh: ssh.address } });
    await using plain = await startClient(server);
    await using named = await startClient(server, { upstream: 'ssh' });
    await using lost = await startClient(server, { upstream: 'nowhere' });
    assert.equal(await ask(plain), 'web heard hello');
    assert.equal(await ask(named), 'ssh');
    assert.equal(await refusal(lost), 'no-upstream');
  });

  it('has limits that a client hears of, each by its name', TIME_LIMIT, async () => {
    await using server = await startServer({ limits: { maxSessionsPerSender: 1, idleTimeoutMs: 3000 } });
    await using client = await startClient(server);
    const idle = connectTo(client);
    const arrived = new Promise((resolve) => server.on('session', resolve));
    idle.write('hello');
    await arrived;
    assert.equal(await refusal(client), 'limit');
    const failed = new Promise<Error>((resolve) => client.on('error', ({ error }) => resolve(error)));
    assert.equal(await resetCode(idle), 'ECONNRESET');
    const error = await failed;
    assert.ok(error instanceof SessionError && error.code === 'timeout');
    assert.equal(await ask(client), 'web heard hello');
    assert.deepEqual([...server.counts.refusals.keys()].sort(), ['idle', 'sessions-per-sender']);
  });
});
