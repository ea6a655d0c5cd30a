import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Browser, BrowserContext, Page } from 'playwright-core';

import type { StreamsOptions } from '../../src/browser/index.js';
import { startLocalnet, type Localnet } from '../../src/localnet/index.js';
import { serveBuiltPage, type BuiltPage } from '../support/built-page.js';
import { startChromium } from '../support/chromium.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

const SCRIPT = join(import.meta.dirname, '../support/page/streams-page.js');

const KIB = 1024;

describe('streams between web pages', { timeout: 600_000 }, () => {
  let net: Localnet;
  let site: BuiltPage;
  let chromium: Browser;
  /** Both pages are tabs of one visitor. */
  let visitor: BrowserContext;
  /** The URLs of all requests and WebSockets. */
  let requests: string[];

  const closes: (() => Promise<void>)[] = [];
  before(
    async () => {
      net = await startLocalnet();
      closes.push(() => net.close());
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

  function start(tab: Page, options: StreamsOptions = {}) {
    const network = { name: 'localnet', apiUrl: net.apiUrl };
    return tab.evaluate((options) => streamsPage.start(options), { network, ...options });
  }

  async function started(...args: Parameters<typeof start>): Promise<string> {
    const outcome = await start(...args);
    assert.ok('address' in outcome, JSON.stringify(outcome));
    return outcome.address;
  }

  /** Two tabs, and a stream from the first to the second. */
  async function connected(): Promise<[Page, Page, string]> {
    const [here, there] = await Promise.all([openPage(), openPage()]);
    const [, address] = await Promise.all([started(here), started(there)]);
    const accepted = there.evaluate(() => streamsPage.accept());
    await here.evaluate((to) => streamsPage.open(to), address);
    await accepted;
    return [here, there, address];
  }

  it('carries 256 KiB each way at once, and asks nobody but the network', limit, async () => {
    const [here, there] = await connected();
    const exchange = (tab: Page) => tab.evaluate((bytes) => streamsPage.exchange(bytes), 256 * KIB);
    const [ours, theirs] = await Promise.all([exchange(here), exchange(there)]);
    assert.equal(ours.received, theirs.sent);
    assert.equal(theirs.received, ours.sent);
    for (const tab of [here, there]) assert.equal(await tab.evaluate(() => streamsPage.closed()), 'ended');

    const hosts = new Set(requests.map((url) => new URL(url).host));
    const { host: directory } = new URL(net.apiUrl);
    const gateways = net.gateways.map(({ wsPort }) => `127.0.0.1:${wsPort}`);
    assert.ok(hosts.has(directory), 'requests are seen');
    assert.ok(
      gateways.some((gateway) => hosts.has(gateway)),
      'the WebSockets of the official client are seen',
    );
    const known = [new URL(site.url).host, directory, ...gateways];
    assert.deepEqual(
      [...hosts].filter((host) => !known.includes(host)),
      [],
    );
  });

  it('keeps the boundaries of messages, and tells each end when the other has no more', limit, async () => {
    const [here, there] = await connected();
    const long = 'long '.repeat(10_000);
    for (const text of ['one', '', long]) await here.evaluate((text) => streamsPage.send(text), text);
    assert.deepEqual(await there.evaluate(() => streamsPage.receive(3)), ['one', '', long]);
    await here.evaluate(() => streamsPage.end());
    assert.deepEqual(await there.evaluate(() => streamsPage.receive(1)), [null]);
    await there.evaluate(() => streamsPage.send('still here'));
    await there.evaluate(() => streamsPage.end());
    assert.deepEqual(await here.evaluate(() => streamsPage.receive(2)), ['still here', null]);
    for (const tab of [here, there]) assert.equal(await tab.evaluate(() => streamsPage.closed()), 'ended');
  });

  it('is reset at both ends when its signal aborts, or when one end leaves the mixnet', limit, async () => {
    const [here, there, address] = await connected();
    const closed = there.evaluate(() => streamsPage.closed());
    await here.evaluate(() => streamsPage.abort());
    assert.equal(await closed, 'aborted');
    assert.equal(await here.evaluate(() => streamsPage.closed()), 'aborted');

    const accepted = there.evaluate(() => streamsPage.accept());
    await here.evaluate((to) => streamsPage.open(to), address);
    await accepted;
    const left = here.evaluate(() => streamsPage.closed());
    await there.evaluate(() => streamsPage.close());
    assert.equal(await left, 'gone');
  });

  it('holds no more of what nobody reads than it is told to', limit, async () => {
    const [here, there] = await Promise.all([openPage(), openPage()]);
    const [, address] = await Promise.all([started(here), started(there, { maxBufferedBytes: 10 * KIB })]);
    const accepted = there.evaluate(() => streamsPage.accept());
    await here.evaluate((to) => streamsPage.open(to), address);
    await accepted;
    const closed = there.evaluate(() => streamsPage.closed());
    const exchange = here.evaluate((bytes) => streamsPage.exchange(bytes), 64 * KIB);
    await assert.rejects(exchange);
    assert.equal(await closed, 'limit');
    assert.equal(await here.evaluate(() => streamsPage.closed()), 'limit');
  });

  it('keeps its address with an identity that is kept, which no second tab may use', limit, async () => {
    const tab = await openPage();
    const identity = { clientId: 'kept' };
    const address = await started(tab, { identity });
    const refused = await start(await openPage(), { identity });
    assert.ok('code' in refused, 'the second tab was let in');
    assert.equal(refused.code, 'identity');
    assert.match(refused.message, /"kept" is in use by another tab/);
    await tab.reload();
    assert.equal(await started(tab, { identity }), address);
  });
});
