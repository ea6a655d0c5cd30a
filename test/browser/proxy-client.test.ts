import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { WebSocketServer } from 'ws';

import type { NymProxyClientOptions } from '../../src/browser/index.js';
import { tunnelLock } from '../../src/browser/tab-names.js';
import { NymProxyServer } from '../../src/node/index.js';
import { serveBuiltPage, type BuiltPage } from '../support/built-page.js';
import { startChromium } from '../support/chromium.js';
import { resetCode, TestNetwork, TestUpstream } from '../support/tunnel.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

const SCRIPT = join(import.meta.dirname, '../support/page/tunnel-page.js');

const MIB = 1024 * 1024;
const large = randomBytes(5 * MIB);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What the tests fetch. */
function webServer(): Server {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://upstream');
    if (pathname === '/large') {
      response.end(large.subarray(0, Number(searchParams.get('bytes') ?? large.length)));
    } else if (pathname === '/hash') {
      const hash = createHash('sha256');
      request.on('data', (chunk: Buffer) => void hash.update(chunk));
      request.on('end', () => response.end(hash.digest('hex')));
    } else if (pathname === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let number = 0;
      const timer = setInterval(() => response.write(`data: ${(number += 1)}\n\n`), 200);
      response.on('close', () => clearInterval(timer));
    } else {
      response.end(`hello from ${pathname}`);
    }
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return server;
}

describe('a proxy client in a web page', { timeout: 1_200_000 }, () => {
  let net: TestNetwork;
  let pageGateway: TestNetwork['localnet']['gateways'][number];
  let web: NymProxyServer;
  let tcp: NymProxyServer;
  let site: BuiltPage;
  let chromium: Browser;
  let visitor: BrowserContext;
  let requests: string[];
  /** What the TCP upstream does with the next connections. */
  let serveTcp: (socket: Socket) => void;

  const closes: (() => Promise<unknown>)[] = [];
  before(
    async () => {
      net = await TestNetwork.start();
      closes.push(() => net[Symbol.asyncDispose]());
      const httpServer = webServer();
      httpServer.listen(0, '127.0.0.1');
      await once(httpServer, 'listening');
      closes.push(async () => {
        httpServer.closeAllConnections();
        await new Promise((resolve) => httpServer.close(resolve));
      });
      const raw = await TestUpstream.start((socket) => serveTcp(socket));
      closes.push(() => raw[Symbol.asyncDispose]());
      const { env } = net;
      const { port } = httpServer.address() as AddressInfo;
      // A test stops the other gateway; without an identity on disk, a server would not come back from that.
      const [first, second] = net.localnet.gateways;
      assert.ok(first && second);
      pageGateway = second;
      const server = { env, gateway: first.identity, traffic: 'fast' } as const;
      web = await NymProxyServer.create({ ...server, upstream: `127.0.0.1:${port}` });
      closes.push(() => web.close());
      tcp = await NymProxyServer.create({ ...server, upstream: raw.address });
      closes.push(() => tcp.close());
      void web.run();
      void tcp.run();
      site = await serveBuiltPage(SCRIPT);
      closes.push(() => site.close());
      chromium = await startChromium();
      closes.push(() => chromium.close());
    },
    { timeout: 120_000 },
  );
  after(
    async () => {
      for (const close of closes.reverse()) await close();
    },
    { timeout: 60_000 },
  );

  beforeEach(async () => {
    requests = [];
    serveTcp = (socket) => void socket.pipe(socket);
    visitor = await chromium.newContext();
    visitor.setDefaultTimeout(60_000);
    visitor.on('request', (request) => requests.push(request.url()));
  }, limit);
  afterEach(() => visitor.close(), limit);

  async function openPage(): Promise<Page> {
    const tab = await visitor.newPage();
    tab.on('websocket', (socket) => requests.push(socket.url()));
    await tab.goto(site.url);
    return tab;
  }

  function create(tab: Page, options: Partial<NymProxyClientOptions> = {}, name = 'client') {
    const network = { name: 'localnet', apiUrl: net.localnet.apiUrl };
    const all = { serverAddress: web.nymAddress, network, ...options };
    return tab.evaluate(([name, all]) => tunnelPage.create(name, all), [name, all] as const);
  }

  async function created(...args: Parameters<typeof create>) {
    const outcome = await create(...args);
    assert.ok('address' in outcome, JSON.stringify(outcome));
    return outcome;
  }

  async function refused(...args: Parameters<typeof create>) {
    const outcome = await create(...args);
    assert.ok('code' in outcome, 'the client was created');
    return outcome;
  }

  const fetchText = (tab: Page, url: string) => tab.evaluate((url) => tunnelPage.text('client', url), url);
  const registrations = async () => (await net.localnet.counters()).gateways.registrations;

  it('tells of each step of its start, and asks nobody but the network', limit, async () => {
    const tab = await openPage();
    const { progress } = await created(tab);
    assert.deepEqual(
      progress.map(({ step }) => step),
      ['wasm', 'keys', 'gateway', 'ready'],
    );
    const times = progress.map(({ ms }) => ms);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
    assert.equal(await fetchText(tab, '/some/page'), 'hello from /some/page');
    const hosts = new Set(requests.map((url) => new URL(url).host));
    const { host: directory } = new URL(net.localnet.apiUrl);
    const gateways = net.localnet.gateways.map(({ wsPort }) => `127.0.0.1:${wsPort}`);
    assert.ok(
      hosts.has(directory) && gateways.some((gateway) => hosts.has(gateway)),
      'all requests are seen',
    );
    const known = [new URL(site.url).host, directory, ...gateways];
    assert.deepEqual(
      [...hosts].filter((host) => !known.includes(host)),
      [],
    );
  });

  it('keeps its Nym address over a reload', limit, async () => {
    const tab = await openPage();
    const { address } = await created(tab);
    const earlier = await registrations();
    await tab.reload();
    assert.equal((await created(tab)).address, address);
    assert.equal(await registrations(), earlier);
    assert.equal(await fetchText(tab, '/'), 'hello from /');
  });

  it('has another address once its identity was forgotten, or if it is ephemeral', limit, async () => {
    const tab = await openPage();
    const { address } = await created(tab);
    await tab.evaluate(() => tunnelPage.close('client'));
    await tab.evaluate(() => tunnelPage.forget('nym-tcp-proxy'));
    assert.notEqual((await created(tab)).address, address);
    const first = await created(tab, { identity: 'ephemeral' }, 'first');
    const second = await created(tab, { identity: 'ephemeral' }, 'second');
    assert.notEqual(first.address, second.address);
  });

  it('says what is wrong with its options, and with the network', limit, async () => {
    const tab = await openPage();
    assert.equal((await refused(tab, { serverAddress: 'nobody' })).error, 'WireError');
    for (const baseUrl of ['/here', 'ftp://upstream/', 'http://me:too@upstream/']) {
      assert.equal((await refused(tab, { baseUrl })).error, 'RangeError');
    }
    assert.equal((await refused(tab, { closeTimeoutMs: -1 })).error, 'RangeError');
    const nowhere = await refused(tab, { network: { name: 'x', apiUrl: 'http://127.0.0.1:9/api/' } });
    assert.equal(nowhere.code, 'network');
    await created(tab);
  });

  it('lets its start be given up, and starts again', limit, async () => {
    const tab = await openPage();
    const network = { name: 'localnet', apiUrl: net.localnet.apiUrl };
    const options = { serverAddress: web.nymAddress, network };
    const outcome = await tab.evaluate((options) => tunnelPage.giveUp(options), options);
    assert.equal(outcome?.message, 'the test gave it up');
    await created(tab);
  });

  it('fails to start, with a reason, when the script of its worker is missing', limit, async () => {
    const tab = await openPage();
    await visitor.route('**/tunnel-worker-*.js', (route) => route.fulfill({ status: 404, body: '' }));
    assert.match((await refused(tab)).message, /could not be loaded. Check that the site serves it/);
    await visitor.unroute('**/tunnel-worker-*.js');
    await created(tab);
  });

  it('fetches 20 pages at once', limit, async () => {
    const tab = await openPage();
    await created(tab);
    const urls = Array.from({ length: 20 }, (_, index) => `/large?bytes=${10_000 + index}`);
    const got = await tab.evaluate((urls) => tunnelPage.fetchAll('client', urls), urls);
    assert.deepEqual(
      got.map((one) => one.sha256),
      urls.map((_, index) => sha256(large.subarray(0, 10_000 + index))),
    );
  });

  it('carries 5 MiB up and 5 MiB down, exactly', { timeout: 240_000 }, async () => {
    const tab = await openPage();
    await created(tab);
    const down = await tab.evaluate(() => tunnelPage.fetch('client', '/large'));
    assert.deepEqual(down, { status: 200, bytes: large.length, sha256: sha256(large) });
    const up = await tab.evaluate((bytes) => tunnelPage.upload('client', '/hash', bytes), 5 * MIB);
    assert.equal(up.answer, up.sha256);
  });

  it('goes on where it was when the network carried nothing for a while', limit, async () => {
    const tab = await openPage();
    await created(tab);
    const down = tab.evaluate((url) => tunnelPage.fetch('client', url), `/large?bytes=${MIB}`);
    const received = async () => (await tab.evaluate(() => tunnelPage.inspect('client'))).bytesReceived;
    while ((await received()) < 100_000) await pause(50);
    await net.localnet.setFaults({ loss: 1 });
    await pause(2_000);
    await net.localnet.setFaults({ loss: 0 });
    assert.equal((await down).sha256, sha256(large.subarray(0, MIB)));
  });

  it('leaves the main thread free while 1 MiB is downloading', limit, async () => {
    const tab = await openPage();
    await created(tab);
    const tasks = await tab.evaluate((url) => tunnelPage.longTasks('client', url), `/large?bytes=${MIB}`);
    assert.deepEqual(tasks, []);
  });

  it('streams events as they come, and ends an answer that is aborted', limit, async () => {
    const tab = await openPage();
    await created(tab);
    const events = await tab.evaluate(() => tunnelPage.events('client', '/events', 3));
    assert.match(events.join(''), /data: 1\n\ndata: 2\n\ndata: 3/);
    const aborted = await tab.evaluate(() => tunnelPage.abortInMidBody('client', '/events'));
    assert.equal(aborted?.error, 'AbortError');
    assert.equal(await fetchText(tab, '/after'), 'hello from /after');
  });

  it('opens WebSockets', limit, async () => {
    const tab = await openPage();
    await created(tab);
    const got = await tab.evaluate(() => tunnelPage.webSocket('client', '/ws', ['one', 'two']));
    assert.deepEqual(got, ['one', 'two', 1_000, 4_000, 'true']);
  });

  it('opens sockets that half-close, in both directions, and take buffers', limit, async () => {
    const tab = await openPage();
    await created(tab, { serverAddress: tcp.nymAddress });
    assert.equal(await tab.evaluate(() => tunnelPage.exchange('client', 'echo\n')), 'echo\n');
    const [sent, received] = await tab.evaluate(() => tunnelPage.echo('client', 300_000));
    assert.equal(received, sent);
    const pieces = await tab.evaluate(() => tunnelPage.readInto('client', 'abcdefgh', 3));
    assert.equal(pieces.join(''), 'abcdefgh');
    assert.ok(pieces.every((piece) => piece.length <= 3));
  });

  it('ends a socket with the reason of who gave it up', limit, async () => {
    const tab = await openPage();
    await created(tab, { serverAddress: tcp.nymAddress });
    const fails = async (how: 'nothing' | 'close' | 'abort' | 'cancel') => {
      const ends = await tab.evaluate((how) => tunnelPage.socketFails('client', how), how);
      return ends.map((end) => (end === 'fine' ? end : end.code === 'none' ? end.error : end.code));
    };
    assert.deepEqual(await fails('close'), ['aborted', 'aborted', 'fine']);
    assert.deepEqual(await fails('abort'), ['AbortError', 'AbortError', 'AbortError']);
    assert.deepEqual(await fails('cancel'), ['fine', 'aborted', 'aborted']);
    serveTcp = (socket) => void socket.once('data', () => socket.resetAndDestroy());
    assert.deepEqual(await fails('nothing'), Array(3).fill('upstream-reset'));
    serveTcp = (socket) => void socket.end().resume();
    assert.deepEqual(await fails('nothing'), ['fine', 'TypeError', 'fine']);
  });

  it('holds back who writes faster than is read, at either end', limit, async () => {
    const tab = await openPage();
    await created(tab, { serverAddress: tcp.nymAddress });
    const upstream = new Promise<Socket>((resolve) => (serveTcp = resolve));
    await tab.evaluate(() => tunnelPage.openOnly('client'));
    const socket = await upstream;
    // More than the operating system buffers.
    socket.write(Buffer.alloc(32 * MIB));
    await tab.evaluate(() => tunnelPage.untilNothingMoves('client', 1_500));
    const seen = await tab.evaluate(() => tunnelPage.inspect('client'));
    assert.ok(seen.bytesReceived >= 65_536 && seen.bytesReceived < MIB, `${seen.bytesReceived} arrived`);
    assert.ok(socket.writableLength > 0, 'the upstream is held back');
    socket.destroy();

    await net.localnet.setFaults({ loss: 1 });
    const written = await tab.evaluate(() => tunnelPage.writeUntilStuck('client', 1_500));
    await net.localnet.setFaults({ loss: 0 });
    assert.ok(written >= 65_536 && written < MIB, `${written} bytes were taken`);
  });

  it('is shared by the tabs of a site, and taken over when its tab is closed', limit, async () => {
    const first = await openPage();
    const { address } = await created(first);
    const second = await openPage();
    const earlier = await registrations();
    const guest = await created(second);
    assert.equal(guest.address, address);
    assert.deepEqual(
      guest.progress.map(({ step }) => step),
      ['ready'],
    );
    assert.equal(await fetchText(second, '/guest'), 'hello from /guest');
    const own = await second.evaluate(() => tunnelPage.inspect('client'));
    assert.deepEqual(own.state, { state: 'ready', role: 'guest', nymAddress: address });
    const seen = await first.evaluate(() => tunnelPage.inspect('client'));
    assert.ok(seen.sessions.length > 0 && seen.clients.length === 1, 'the sessions run over one client');

    const waiting = second.evaluate(() => tunnelPage.untilState('client', 'ready'));
    // Asks again and again, also while nobody holds the tunnel.
    const asking = second.evaluate(async () => {
      const answers: string[] = [];
      for (let left = 20; left > 0; left -= 1) {
        answers.push(await tunnelPage.text('client', `/${left}`).catch(String));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return answers;
    });
    await first.close();
    const failed = (await asking).filter((answer) => !answer.startsWith('hello'));
    // What was under way on the connections of the tab that was closed.
    assert.ok(failed.length <= 1, failed.join('; '));
    assert.deepEqual(await waiting, { state: 'ready', role: 'holder', nymAddress: address });
    assert.equal(await fetchText(second, '/after'), 'hello from /after');
    assert.equal(await registrations(), earlier);
  });

  it('lets new connections wait while no tab holds the tunnel', limit, async () => {
    const identity = { clientId: 'awaited' };
    const first = await openPage();
    await created(first, { identity });
    // Is next in the queue, and takes nothing over.
    const idle = await openPage();
    await idle.evaluate(
      (name) => void navigator.locks.request(name, () => new Promise<void>(() => undefined)),
      tunnelLock(identity.clientId),
    );
    const second = await openPage();
    await created(second, { identity });
    const waiting = second.evaluate(() => tunnelPage.untilState('client', 'waiting'));
    await first.close();
    await waiting;
    const paths = ['/one', '/two', '/three'];
    const answers = Promise.all(paths.map((path) => fetchText(second, path)));
    const settled = answers.then(
      () => 'answered',
      () => 'failed',
    );
    assert.equal(await Promise.race([settled, pause(500, 'waits')]), 'waits');
    await idle.close();
    assert.deepEqual(
      await answers,
      paths.map((path) => `hello from ${path}`),
    );
  });

  it('ends the sockets of a tab that is closed', limit, async () => {
    const holder = await openPage();
    await created(holder, { serverAddress: tcp.nymAddress });
    const guest = await openPage();
    await created(guest, { serverAddress: tcp.nymAddress });
    const upstream = new Promise<Socket>((resolve) => (serveTcp = resolve));
    void guest.evaluate(() => tunnelPage.socketFails('client', 'nothing')).catch(() => undefined);
    const socket = await upstream;
    const reset = resetCode(socket);
    await guest.close();
    assert.equal(await reset, 'ECONNRESET');
  });

  it('refuses to share an identity for another server', limit, async () => {
    const first = await openPage();
    await created(first);
    const second = await openPage();
    const { code, message } = await refused(second, { serverAddress: tcp.nymAddress });
    assert.equal(code, 'identity');
    assert.match(message, /another server. Close it, or give another clientId/);
    await created(second, { serverAddress: tcp.nymAddress, identity: { clientId: 'second' } });
  });

  it('comes back when its gateway does', limit, async () => {
    const tab = await openPage();
    const { address } = await created(tab, { gateway: pageGateway.identity });
    const waiting = tab.evaluate(() => tunnelPage.untilState('client', 'waiting'));
    await net.localnet.stopNode(pageGateway.id);
    try {
      const state = await waiting;
      assert.ok(state.state === 'waiting');
      assert.match(state.reason, /gateway/);
    } finally {
      await net.localnet.startNode(pageGateway.id);
    }
    const ready = await tab.evaluate(() => tunnelPage.untilState('client', 'ready'));
    assert.deepEqual(ready, { state: 'ready', role: 'holder', nymAddress: address });
    assert.equal(await fetchText(tab, '/again'), 'hello from /again');
  });

  it('can give each connection a mixnet client of its own', limit, async () => {
    const tab = await openPage();
    const earlier = await registrations();
    await created(tab, { clients: 'per-connection', serverAddress: tcp.nymAddress });
    for (const text of ['one', 'two']) {
      assert.equal(await tab.evaluate((text) => tunnelPage.exchange('client', text), text), text);
    }
    assert.ok((await registrations()) >= earlier + 2, 'each connection registered');
  });

  it('can carry each connection over several mixnet clients', limit, async () => {
    const tab = await openPage();
    for (const clients of ['shared', 'per-connection'] as const) {
      await created(tab, { clients, lanes: 2 });
      const fetched = await tab.evaluate(() => tunnelPage.fetch('client', '/large?bytes=2000000'));
      assert.equal(fetched.sha256, sha256(large.subarray(0, 2_000_000)), clients);
      const seen = await tab.evaluate(() => tunnelPage.inspect('client'));
      assert.ok(seen.clients.length >= 2, `${seen.clients.length} mixnet clients`);
      assert.ok(seen.clients.every(({ packetsSent }) => packetsSent > 50));
      await tab.evaluate(() => tunnelPage.close('client'));
    }
    assert.equal((await refused(tab, { lanes: 17 })).error, 'RangeError');
  });

  it('can carry its connections as streams', limit, async () => {
    const echo = await TestUpstream.start((socket) => void socket.pipe(socket));
    const server = await NymProxyServer.create({
      env: net.env,
      traffic: 'fast',
      upstream: echo.address,
      protocol: 'stream',
    });
    void server.run();
    try {
      const tab = await openPage();
      await created(tab, { serverAddress: server.nymAddress, protocol: 'stream' });
      assert.equal(await tab.evaluate(() => tunnelPage.exchange('client', 'hello')), 'hello');
    } finally {
      await server.close();
      await echo[Symbol.asyncDispose]();
    }
  });

  it('shows its sessions and its mixnet client', limit, async () => {
    const tab = await openPage();
    const { address } = await created(tab, { serverAddress: tcp.nymAddress });
    await tab.evaluate(() => tunnelPage.exchange('client', 'look at me'));
    const seen = await tab.evaluate(() => tunnelPage.inspect('client'));
    assert.equal(seen.serverAddress, tcp.nymAddress);
    assert.deepEqual(seen.state, { state: 'ready', role: 'holder', nymAddress: address });
    const [client] = seen.clients;
    assert.equal(client?.nymAddress, address);
    assert.ok(client.packetsSent > 0 && address.endsWith(client.gateway));
    const [session] = seen.sessions;
    assert.deepEqual(
      [session?.number, session?.state, session?.bytesSent, session?.bytesReceived],
      [1, 'ended', 10, 10],
    );
    assert.ok((session?.roundTripMs ?? 0) > 0);
    assert.deepEqual([seen.bytesSent, seen.bytesReceived], [10, 10]);
  });
});
