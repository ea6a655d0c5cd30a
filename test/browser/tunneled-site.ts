import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Browser, BrowserContext, Frame, Page } from 'playwright-core';

import { NymProxyServer } from '../../src/node/index.js';
import { serveBuiltSite, type BuiltSite } from '../support/built-site.js';
import { startChromium } from '../support/chromium.js';
import { startDecoy, type Decoy } from '../support/decoy.js';
import { TestNetwork } from '../support/tunnel.js';

const support = (file: string) => join(import.meta.dirname, '../support/page', file);

export type Route = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server behind a proxy server on a localnet, and a site whose service worker shows it in a real browser. */
export class TunneledSite implements AsyncDisposable {
  /** What the upstream answers, by path; the test fills it. Everything else is not found. */
  readonly routes = new Map<string, Route>();
  /** What the upstream was asked for. */
  readonly asked: IncomingMessage[] = [];
  readonly site: BuiltSite;
  readonly decoy: Decoy;
  readonly #net: TestNetwork;
  readonly #server: NymProxyServer;
  readonly #chromium: Browser;
  readonly #closes: readonly (() => Promise<unknown>)[];

  private constructor(
    parts: {
      site: BuiltSite;
      decoy: Decoy;
      net: TestNetwork;
      server: NymProxyServer;
      chromium: Browser;
    },
    closes: readonly (() => Promise<unknown>)[],
  ) {
    this.site = parts.site;
    this.decoy = parts.decoy;
    this.#net = parts.net;
    this.#server = parts.server;
    this.#chromium = parts.chromium;
    this.#closes = closes;
  }

  static async start(): Promise<TunneledSite> {
    const closes: (() => Promise<unknown>)[] = [];
    let handle: Route = (_, response) => response.destroy();
    const upstream = createServer((request, response) => handle(request, response));
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    closes.push(() => {
      upstream.closeAllConnections();
      upstream.close();
      return once(upstream, 'close');
    });
    const { port } = upstream.address() as AddressInfo;
    const net = await TestNetwork.start();
    closes.push(() => net[Symbol.asyncDispose]());
    const server = await NymProxyServer.create({
      env: net.env,
      upstream: `127.0.0.1:${port}`,
      traffic: 'fast',
    });
    closes.push(() => server.close());
    void server.run();
    const site = await serveBuiltSite({
      page: support('tunnel-page.js'),
      serviceWorker: support('service-worker.js'),
    });
    closes.push(() => site.close());
    const decoy = await startDecoy();
    closes.push(() => decoy.close());
    const chromium = await startChromium();
    closes.push(() => chromium.close());
    const world = new TunneledSite({ site, decoy, net, server, chromium }, closes);
    handle = (request, response) => {
      world.asked.push(request);
      const { pathname } = new URL(request.url ?? '/', 'http://upstream');
      const route = world.routes.get(pathname);
      if (route) route(request, response);
      else response.writeHead(404, { 'content-type': 'text/plain' }).end(`no ${pathname}`);
    };
    return world;
  }

  /** Where the upstream's path is in the browser. */
  url(path: string): string {
    return `${this.site.url}browse${path}`;
  }

  /** Someone with a browser of their own. */
  async visitor(): Promise<BrowserContext> {
    const visitor = await this.#chromium.newContext({ acceptDownloads: true });
    visitor.setDefaultTimeout(60_000);
    return visitor;
  }

  /** Opens the app, which registers its service worker. */
  async openApp(visitor: BrowserContext): Promise<Page> {
    const tab = await visitor.newPage();
    await tab.goto(this.site.url);
    await tab.evaluate(async () => {
      const options = { type: 'module', scope: '/browse/' } as const;
      const { installing } = await navigator.serviceWorker.register('/service-worker.js', options);
      while (installing && installing.state !== 'activated') {
        await new Promise((resolve) => installing.addEventListener('statechange', resolve, { once: true }));
      }
    });
    return tab;
  }

  /** The app, connected. From here on nothing is asked of anybody but the upstream, and what is asked is noted anew. */
  async connected(visitor: BrowserContext): Promise<Page> {
    const tab = await this.openApp(visitor);
    await this.connect(tab);
    this.asked.length = 0;
    this.site.asked.length = 0;
    this.decoy.contacts.length = 0;
    return tab;
  }

  /** Connects it to the mixnet. */
  async connect(tab: Page, serverAddress = this.#server.nymAddress): Promise<void> {
    const network = { name: 'localnet', apiUrl: this.#net.localnet.apiUrl };
    const outcome = await tab.evaluate((options) => tunnelPage.create('client', options), {
      serverAddress,
      network,
    });
    if (!('address' in outcome)) throw new Error(JSON.stringify(outcome));
  }

  /** Another server on the same network, with another upstream. The test closes it. */
  async serve(upstream: string): Promise<NymProxyServer> {
    const server = await NymProxyServer.create({ env: this.#net.env, upstream, traffic: 'fast' });
    void server.run();
    return server;
  }

  /** Shows a path of the upstream's in the app's frame. */
  async browse(tab: Page, path: string): Promise<Frame> {
    const frame = tab.frame({ name: 'frame' });
    if (!frame) throw new Error('The app has no frame.');
    await frame.goto(this.url(path));
    return frame;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closes.toReversed()) await close();
  }
}

/** Answers with a page. */
export function page(body: string, headers: Record<string, string> = {}): Route {
  return (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(body);
}

/** Answers with anything else. */
export function file(type: string, body: string | Buffer, headers: Record<string, string> = {}): Route {
  return (_, response) => response.writeHead(200, { 'content-type': type, ...headers }).end(body);
}
