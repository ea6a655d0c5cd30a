import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import type { Browser, Page } from 'playwright-core';
import { WebSocketServer } from 'ws';

import { NymProxyServer } from '../../src/node/index.js';
import { serveBuiltPage, type BuiltPage } from '../support/built-page.js';
import { issue } from '../support/certificates.js';
import { startChromium } from '../support/chromium.js';
import { TestNetwork } from '../support/tunnel.js';
import { ANSWER, startTlsServers } from '../tls/cases.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

const SCRIPT = join(import.meta.dirname, '../support/page/tls-page.js');

/** Carries the bytes of each WebSocket to the port that its path names. */
async function startRelay(): Promise<WebSocketServer> {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  relay.on('connection', (socket, request) => {
    const upstream = connect({ port: Number(request.url?.slice(1)), host: '127.0.0.1', allowHalfOpen: true });
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) upstream.write(data);
      else upstream.end();
    });
    socket.on('close', () => upstream.destroy());
    upstream.on('data', (data) => socket.send(data));
    upstream.on('error', () => socket.close());
    upstream.on('end', () => socket.close());
  });
  await once(relay, 'listening');
  return relay;
}

describe('TLS in a web page', { timeout: 300_000 }, () => {
  let site: BuiltPage;
  let chromium: Browser;
  let tab: Page;
  /** Paths that the page has asked for. */
  const asked: string[] = [];

  const closes: (() => unknown)[] = [];
  before(
    async () => {
      site = await serveBuiltPage(SCRIPT);
      closes.push(() => site.close());
      chromium = await startChromium();
      closes.push(() => chromium.close());
      tab = await chromium.newPage();
      tab.setDefaultTimeout(60_000);
      tab.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await tab.goto(site.url);
    },
    { timeout: 120_000 },
  );
  after(
    async () => {
      for (const close of closes.reverse()) await close();
    },
    { timeout: 60_000 },
  );

  it('loads TLS only when it is needed, and takes and refuses servers as Node does', limit, async (t) => {
    assert.ok(!asked.some((path) => path.endsWith('.wasm')), asked.join());
    using servers = await startTlsServers();
    const relay = await startRelay();
    try {
      const { port } = relay.address() as AddressInfo;
      const attempts = servers.cases.map(({ host, port, alpn }) => ({ host, port, alpn }));
      const outcomes = await tab.evaluate(
        ([relay, root, attempts]) => tlsPage.verdicts(relay, root, attempts),
        [`ws://127.0.0.1:${port}/`, servers.root.pem, attempts] as const,
      );
      const found = servers.cases.map(({ name }, at) => [name, outcomes[at]] as const);
      for (const [name, outcome] of found) t.diagnostic(`${name}: ${String(outcome)}`);
      assert.deepEqual(
        Object.fromEntries(found.map(([name, outcome]) => [name, outcome?.split(':')[0]])),
        Object.fromEntries(servers.cases.map(({ name, ofRustls }) => [name, ofRustls])),
      );
      assert.ok(outcomes.includes(`ok: ${ANSWER}`));
      assert.equal(asked.filter((path) => /nym_tls.*\.wasm$/.test(path)).length, 1);
    } finally {
      for (const socket of relay.clients) socket.terminate();
      relay.close();
    }
  });

  it('goes through the tunnel to the service itself: fetch and WebSocket', limit, async () => {
    const root = issue({ name: 'Private Root', ca: true });
    const leaf = issue({ name: 'service', hosts: ['service.example'] }, root);
    const web: Server = createServer({ key: leaf.keyPem, cert: leaf.pem }, (request, response) => {
      response.end(`${request.headers.host ?? ''} has ${request.url ?? ''}`);
    });
    new WebSocketServer({ server: web }).on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    closes.push(() => {
      web.close();
      web.closeAllConnections();
    });
    const { port } = web.address() as AddressInfo;
    const net = await TestNetwork.start();
    closes.push(() => net[Symbol.asyncDispose]());
    const upstream = `127.0.0.1:${port}`;
    const server = await NymProxyServer.create({ env: net.env, upstream, traffic: 'fast' });
    closes.push(() => server.close());
    void server.run();
    await tab.evaluate((options) => tlsPage.create(options), {
      serverAddress: server.nymAddress,
      network: { name: 'localnet', apiUrl: net.localnet.apiUrl },
      baseUrl: 'https://service.example/',
      tls: { roots: root.pem },
    });
    closes.push(() => tab.evaluate(() => tlsPage.close()));
    const fetched = (url: string) => tab.evaluate((url) => tlsPage.fetch(url), url);
    assert.equal(await fetched('/a'), '200: service.example has /a');
    assert.match(
      await fetched('https://other.example/'),
      /^certificate-name: .*not for other\.example.*service\.example/,
    );
    const echo = (url: string) => tab.evaluate((url) => tlsPage.echo(url, 'hello'), url);
    assert.equal(await echo('wss://service.example/'), 'hello');
    assert.match(await echo('wss://other.example/'), /^certificate-name: /);
    await tab.evaluate(() => tlsPage.close());
  });
});
