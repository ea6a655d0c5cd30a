import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';

import type { Browser, BrowserContext, Page } from 'playwright-core';

import { NymProxyServer } from '../../src/node/proxy-server.js';
import { startChromium } from '../support/chromium.js';
import { plainApp, viteApp, viteDevApp, webpackApp } from '../support/outside-app.js';
import { PackedPackage } from '../support/packed-package.js';
import { StaticSite } from '../support/static-site.js';
import { TestNetwork } from '../support/tunnel.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 120_000 };

/** What a page may load in all, gzipped; the official client alone is 1.47 MB. */
const MOST_BYTES = 1_650_000;

/** What the pages of the apps make global. */
interface AppPage {
  ask(options: object, path: string): Promise<string>;
  register(): Promise<void>;
}

describe('the packed package in an app of somebody else', { timeout: 600_000 }, () => {
  let packed: PackedPackage;
  let network: TestNetwork;
  let upstream: Server;
  let server: NymProxyServer;
  let chromium: Browser;

  const closes: (() => Promise<unknown>)[] = [];
  before(
    async () => {
      packed = await PackedPackage.pack();
      closes.push(() => packed[Symbol.asyncDispose]());
      network = await TestNetwork.start();
      closes.push(() => network[Symbol.asyncDispose]());
      upstream = createServer((request, response) => {
        response.setHeader('content-type', 'text/plain').end(`upstream has ${request.url ?? ''}`);
      });
      upstream.listen(0, '127.0.0.1');
      await once(upstream, 'listening');
      closes.push(() => {
        upstream.close();
        upstream.closeAllConnections();
        return once(upstream, 'close');
      });
      const { port } = upstream.address() as AddressInfo;
      server = await NymProxyServer.create({
        env: network.env,
        upstream: `127.0.0.1:${port}`,
        traffic: 'fast',
      });
      closes.push(() => server.close());
      void server.run();
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

  /** A visitor's browser: storage of its own, and what went wrong in its pages. */
  async function visit(test: (visitor: BrowserContext, tab: Page) => Promise<void>): Promise<void> {
    const visitor = await chromium.newContext();
    const complaints: string[] = [];
    visitor.setDefaultTimeout(60_000);
    visitor.on('weberror', (error) => complaints.push(String(error.error())));
    visitor.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    try {
      await test(visitor, await visitor.newPage());
      assert.deepEqual(complaints, []);
    } finally {
      await visitor.close();
    }
  }

  function ask(tab: Page, path: string): Promise<string> {
    const { localnet } = network;
    const options = {
      serverAddress: server.nymAddress,
      network: { name: 'localnet', apiUrl: localnet.apiUrl },
      traffic: 'fast',
    };
    return tab.evaluate(([options, path]) => (globalThis as unknown as AppPage).ask(options, path), [
      options,
      path,
    ] as const);
  }

  async function worksAt(url: string, visitor: BrowserContext, tab: Page): Promise<void> {
    await tab.goto(url);
    assert.equal(await ask(tab, '/hello'), 'upstream has /hello');
    await tab.evaluate(() => (globalThis as unknown as AppPage).register());
    const frame = await visitor.newPage();
    await frame.goto(`${url}through/world`);
    assert.equal(await frame.textContent('body'), 'upstream has /world');
  }

  /** Counts what the site's visitors have loaded so far. */
  async function isLight(site: StaticSite, t: TestContext): Promise<void> {
    let bytes = 0;
    for (const [path, size] of await site.gzipped()) {
      t.diagnostic(`${size} bytes gzipped: ${path}`);
      bytes += size;
    }
    t.diagnostic(`${bytes} bytes gzipped in all`);
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
  }

  it('works as it is, without a bundler', limit, async (t) => {
    await using site = await StaticSite.serve(await plainApp(await packed.installAlone('plain')));
    await visit((visitor, tab) => worksAt(site.url, visitor, tab));
    await isLight(site, t);
  });

  it('works when webpack built the app', limit, async () => {
    await using site = await StaticSite.serve(await webpackApp(await packed.installAlone('webpack')));
    await visit((visitor, tab) => worksAt(site.url, visitor, tab));
  });

  it('works when Vite serves the app to its developer', limit, async () => {
    const site = await viteDevApp(await packed.installAlone('vite-dev'));
    try {
      await visit((visitor, tab) => worksAt(site.url, visitor, tab));
    } finally {
      await site.close();
    }
  });

  it('works when Vite built the app', limit, async () => {
    await using site = await StaticSite.serve(await viteApp(await packed.installAlone('vite')));
    await visit((visitor, tab) => worksAt(site.url, visitor, tab));
  });

  it('loads the official client when it is needed, while it streams in, and once', limit, async (t) => {
    await using site = await StaticSite.serve(await viteApp(await packed.installAlone('weight')));
    const wasm = () => [...site.asked].filter((path) => path.endsWith('.wasm'));
    await visit(async (_, tab) => {
      await chromium.startTracing(tab, { categories: ['v8.wasm'] });
      await tab.goto(site.url);
      assert.deepEqual(wasm(), []);
      assert.equal(await ask(tab, '/'), 'upstream has /');
      assert.equal(wasm().length, 1);
      const trace = (await chromium.stopTracing()).toString();
      assert.equal(trace.split('"wasm.StartStreamingCompilation"').length - 1, 1);
    });
    await isLight(site, t);
  });
});
