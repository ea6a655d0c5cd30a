import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { build } from 'vite';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

import { startPageServer } from '../../src/demo/page-server.js';
import { startDemoUpstream } from '../../src/demo/upstream.js';
import { NymProxyServer } from '../../src/node/index.js';
import { startChromium } from '../support/chromium.js';
import { TestNetwork } from '../support/tunnel.js';

/** What a visit of the page did that it should not have, or that somebody wants to look through. */
export interface Visit {
  readonly context: BrowserContext;
  /** URLs of all requests and WebSockets. */
  readonly requests: string[];
  /** Errors of scripts, and what the page's policy stopped. */
  readonly troubles: string[];
}

/** The demo page as `npm start` serves it, freshly built, and all that is behind it. */
export class DemoSite implements AsyncDisposable {
  readonly net: TestNetwork;
  readonly server: NymProxyServer;
  readonly url: string;
  /** `host:port` of the demo's upstream. */
  readonly upstream: string;
  readonly #chromium: Browser;
  readonly #closes: readonly (() => Promise<unknown>)[];

  private constructor(
    parts: { net: TestNetwork; server: NymProxyServer; url: string; upstream: string; chromium: Browser },
    closes: readonly (() => Promise<unknown>)[],
  ) {
    this.net = parts.net;
    this.server = parts.server;
    this.url = parts.url;
    this.upstream = parts.upstream;
    this.#chromium = parts.chromium;
    this.#closes = closes;
  }

  static async start(): Promise<DemoSite> {
    const closes: (() => Promise<unknown>)[] = [];
    try {
      const directory = await mkdtemp(join(tmpdir(), 'nym-tcp-proxy-page-'));
      closes.push(() => rm(directory, { recursive: true, force: true }));
      const outDir = join(directory, 'dist-app');
      await build({ configFile: resolve('vite.config.ts'), logLevel: 'warn', build: { outDir } });
      const net = await TestNetwork.start();
      closes.push(() => net[Symbol.asyncDispose]());
      const pages = await startDemoUpstream();
      closes.push(() => pages.close());
      const upstream = pages.address;
      // With an identity of its own it comes back when its gateway does.
      const configDir = join(directory, 'server');
      const server = await NymProxyServer.create({ env: net.env, upstream, configDir, traffic: 'fast' });
      closes.push(() => server.close());
      void server.run();
      const page = await startPageServer({
        port: 0,
        portFixed: false,
        directory: outDir,
        site: {
          network: { name: 'localnet', apiUrl: net.localnet.apiUrl },
          localnet: true,
          serverAddress: server.nymAddress,
          upstream,
          demoUpstream: true,
          traffic: 'fast',
        },
      });
      closes.push(() => page.close());
      const chromium = await startChromium();
      closes.push(() => chromium.close());
      return new DemoSite({ net, server, url: page.url, upstream, chromium }, closes);
    } catch (error) {
      for (const close of closes.toReversed()) await close();
      throw error;
    }
  }

  /** Somebody with a browser of their own, who is watched. */
  async visit(options: BrowserContextOptions = {}): Promise<Visit> {
    const context = await this.#chromium.newContext(options);
    context.setDefaultTimeout(60_000);
    const requests: string[] = [];
    const troubles: string[] = [];
    context.on('request', (request) => requests.push(request.url()));
    context.on('weberror', (error) => troubles.push(error.error().message));
    context.on('console', (message) => {
      if (/content security policy/i.test(message.text())) troubles.push(message.text());
    });
    return { context, requests, troubles };
  }

  /** Opens the page, which shows its form. */
  async open({ context, requests }: Visit): Promise<Page> {
    const page = await context.newPage();
    page.on('websocket', (socket) => requests.push(socket.url()));
    await page.goto(this.url);
    await page.getByRole('form', { name: 'Connect' }).waitFor();
    return page;
  }

  /** Opens the page and presses the button. */
  async connected(visit: Visit): Promise<Page> {
    const page = await this.open(visit);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await ready(page);
    return page;
  }

  /** Opens the page of streams: as the link to an address does, if one is given. */
  async openStreams({ context, requests }: Visit, address?: string): Promise<Page> {
    const page = await context.newPage();
    page.on('websocket', (socket) => requests.push(socket.url()));
    await page.goto(`${this.url}streams.html${address === undefined ? '' : `#${address}`}`);
    return page;
  }

  /** Two tabs that talk; the second was opened by the link in the first, and has called it. */
  async talking(visit: Visit): Promise<[Page, Page]> {
    const first = await this.openStreams(visit);
    await first.getByRole('button', { name: 'Connect' }).click();
    const opened = visit.context.waitForEvent('page');
    await first.getByRole('link', { name: 'Open the other tab' }).click();
    const second = await opened;
    second.on('websocket', (socket) => visit.requests.push(socket.url()));
    await second.getByRole('button', { name: 'Connect and talk' }).click();
    for (const page of [first, second]) await page.getByText('Open, both ways.').waitFor();
    return [first, second];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closes.toReversed()) await close();
  }
}

/** Settles once the page says that it is connected. */
export async function ready(page: Page): Promise<void> {
  await page.getByRole('tablist').waitFor();
  await page.locator('header').getByText('Connected').waitFor();
}

/** Chooses a tab, and gives back its panel. */
export async function panel(page: Page, name: string) {
  await page.getByRole('tab', { name }).click();
  return page.getByRole('tabpanel', { name });
}
