import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';

import { WebSocket, WebSocketServer } from 'ws';

import {
  NymProxyClient,
  NymProxyServer,
  OptionError,
  type NymProxyClientOptions,
} from '../../src/node/index.js';
import { TestNetwork, TestUpstream } from '../support/tunnel.js';

const IN_TIME = { timeout: 120_000 };

/** A web server that tells which it is, and what it was asked. */
async function webServer(name: string): Promise<Server> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      response.setHeader('x-server', name);
      response.end(`${name} ${request.method} ${request.url} ${request.headers.host} ${body}`);
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const addressOf = (server: Server) => `127.0.0.1:${portOf(server)}`;

describe('a client without a port', IN_TIME, () => {
  let network: TestNetwork;
  let web: Server;
  let other: Server;
  let allowed: Server;
  let server: NymProxyServer;
  let client: NymProxyClient;

  const newClient = (options: Partial<NymProxyClientOptions> = {}) =>
    NymProxyClient.create({
      ...{ env: network.env, serverAddress: server.nymAddress, traffic: 'fast', clients: 'shared' },
      ...options,
    });

  before(async () => {
    network = await TestNetwork.start();
    [web, other, allowed] = await Promise.all([webServer('web'), webServer('other'), webServer('allowed')]);
    server = await NymProxyServer.create({
      env: network.env,
      traffic: 'fast',
      upstream: addressOf(web),
      upstreams: { other: addressOf(other) },
      allowUpstreams: [addressOf(allowed)],
      legacyUpstreamHeader: true,
    });
    void server.run();
    client = await newClient();
  });

  after(async () => {
    await client.close();
    await server.close();
    for (const one of [web, other, allowed]) {
      one.closeAllConnections();
      one.close();
    }
    await network[Symbol.asyncDispose]();
  });

  it('fetches from the upstream', async () => {
    const response = await client.fetch('/path?', { method: 'POST', body: 'body' });
    assert.equal(await response.text(), 'web POST /path? upstream body');
    assert.throws(() => client.listenAddress, /listens on no port/);
  });

  it('opens sockets, which half-close', async () => {
    await using echo = await TestUpstream.start((socket) => socket.pipe(socket));
    await using echoServer = await NymProxyServer.create({
      env: network.env,
      upstream: echo.address,
      traffic: 'fast',
    });
    void echoServer.run();
    await using echoClient = await newClient({ serverAddress: echoServer.nymAddress });
    const socket = echoClient.connect({ allowHalfOpen: true });
    assert.equal((await socket.opened).remoteAddress, echoServer.nymAddress);
    const bytes = new Uint8Array(300_000).map((_, i) => i * 7);
    const writer = socket.writable.getWriter();
    void writer.write(bytes).then(() => writer.close());
    assert.deepEqual(new Uint8Array(await new Response(socket.readable).arrayBuffer()), bytes);
    await socket.closed;
    assert.equal(echoClient.counts.resets.size, 0);

    const given = echoClient.connect();
    await given.opened;
    await given.close();
    await assert.rejects(given.readable.getReader().read());
    const aborted = echoClient.connect({ signal: AbortSignal.abort(new Error('enough')) });
    await assert.rejects(aborted.opened, /enough/);
  });

  it('opens WebSockets', async () => {
    const socket = client.webSocket('/chat');
    const message = new Promise<unknown>((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
    socket.onopen = () => socket.send('hello');
    assert.equal(await message, 'hello');
    socket.close();
  });

  it('reaches an upstream by its name, or by its address if that is allowed', async () => {
    assert.match(await (await client.fetch('nym://other/a?b')).text(), /^other GET \/a\?b other /);
    const address = addressOf(allowed);
    assert.match(await (await client.fetch(`nym://${address}/c`)).text(), /^allowed GET \/c /);
    await using byHost = await newClient({ upstreamByHost: true });
    assert.match(await (await byHost.fetch(`http://${address}/d`)).text(), /^allowed GET \/d /);
    for (const nowhere of ['nobody', addressOf(web), `localhost:${portOf(allowed)}`, '127.0.0.1:1']) {
      await assert.rejects(client.fetch(`nym://${nowhere}/`), /no-upstream|upstream/);
    }
  });

  it('speaks to a server that takes the upstream from the first bytes', async () => {
    await using legacy = await newClient({ legacyUpstreamHeader: true, upstream: addressOf(allowed) });
    assert.match(await (await legacy.fetch('/e')).text(), /^allowed GET \/e /);
    await using wrong = await newClient({ legacyUpstreamHeader: true, upstream: addressOf(web) });
    await assert.rejects(wrong.fetch('/'), /upstream/);
  });

  it('is an agent for http.request and ws', async () => {
    const agent = client.agent();
    const bodies = await Promise.all(
      ['/1', '/2', '/3'].map(async (path) => {
        const request = httpRequest(`http://upstream${path}`, { agent, method: 'PUT' });
        request.end('x'.repeat(100_000));
        const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
        return text(response);
      }),
    );
    assert.deepEqual(
      bodies.map((body) => body.slice(0, 10)),
      ['web PUT /1', 'web PUT /2', 'web PUT /3'],
    );
    const socket = new WebSocket('ws://upstream/', { agent });
    await once(socket, 'open');
    socket.send('hello');
    assert.equal(String((await once(socket, 'message'))[0]), 'hello');
    socket.close();
    await once(socket, 'close');
    agent.destroy();
  });

  it('is a duplex stream', async () => {
    const stream = client.duplex({ upstream: 'other' });
    await once(stream, 'connect');
    stream.write('GET /f HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    assert.match(await text(stream), /other GET \/f a/);
  });
});

describe('options that cannot be used are refused in one line', IN_TIME, () => {
  const serverAddress = 'a.b@c';
  const wrong: [unknown, RegExp][] = [
    [{}, /serverAddress is missing/],
    [undefined, /must be an object/],
    [{ serverAddress, traffic: 'Fast' }, /traffic must be one of default, bulk, fast, not "Fast"/],
    [{ serverAddress, clients: 'both' }, /clients must be one of/],
    [{ serverAddress, protocol: 'tcp' }, /protocol must be one of/],
    [{ serverAddress, closeTimeout: 5 }, /has no "closeTimeout"/],
    [{ serverAddress, closeTimeoutMs: -1 }, /closeTimeoutMs/],
    [{ serverAddress, lanes: 17 }, /lanes must be/],
    [{ serverAddress, listenPort: 65_536 }, /listenPort must be/],
    [{ serverAddress, upstream: 'not a name' }, /cannot be an upstream/],
    [{ serverAddress, identity: { configDir: '/tmp' } }, /identity needs clients: 'shared'/],
    [{ serverAddress, network: {}, env: 'x' }, /either network or env/],
  ];
  const wrongServers: [unknown, RegExp][] = [
    [{ upstream: '127.0.0.1:1', limits: { maxSession: 1 } }, /limits has no "maxSession"/],
    [{ upstream: '127.0.0.1:1', passphrase: 'secret' }, /passphrase needs configDir/],
    [{ upstream: '127.0.0.1:1', legacyUpstreamHeader: true }, /needs allowUpstreams/],
    [{ upstream: '127.0.0.1:1', traffic: 'slow' }, /traffic must be one of/],
    [{ allowUpstreams: ['*:*'] }, /cannot be allowed/],
    [{ allowUpstreams: ['*'] }, /cannot be allowed/],
    [{ allowUpstreams: ['*.*:80'] }, /cannot be allowed/],
    [{}, /there must be an upstream/],
  ];
  for (const [create, all] of [
    [(options: unknown) => NymProxyClient.create(options as NymProxyClientOptions), wrong],
    [(options: unknown) => NymProxyServer.create(options as NymProxyClientOptions), wrongServers],
  ] as const) {
    for (const [options, message] of all) {
      it(options === undefined ? 'nothing' : JSON.stringify(options), async () => {
        await assert.rejects(create(options), (error) => {
          assert(error instanceof OptionError, String(error));
          assert.equal(error.code, 'option');
          assert.match(error.message, message);
          assert(!error.message.includes('\n'));
          return true;
        });
      });
    }
  }
});
