import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Browser, BrowserContext, Page } from 'playwright-core';

import { startLocalnet, type Localnet } from '../../src/localnet/index.js';
import { serveBuiltPage, type BuiltPage } from '../support/built-page.js';
import { startChromium } from '../support/chromium.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

const SCRIPT = join(import.meta.dirname, '../support/page/mixnet-page.js');

/** The zero makes the official client panic (nym-api.md section 3.3). */
const PANIC = JSON.stringify({
  key_rotation_state: { validity_epochs: 0, initial_epoch_id: 0 },
  current_absolute_epoch_id: 1,
  current_epoch_start: '2026-01-01T00:00:00.000Z',
  epoch_duration: { secs: 3600, nanos: 0 },
  progress: {
    current_key_rotation_id: 0,
    current_rotation_starting_epoch: 0,
    current_rotation_ending_epoch: 23,
  },
});

describe('a mixnet client in a web page', { timeout: 600_000 }, () => {
  let net: Localnet;
  let site: BuiltPage;
  let chromium: Browser;
  /** A visitor of the site, with storage of its own. */
  let visitor: BrowserContext;
  /** The URLs of all requests and WebSockets of its pages. */
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

  /** Starts a client in the page: under an identity that is kept if `clientId` is given. */
  function start(tab: Page, name: string, clientId?: string, storagePassphrase?: string) {
    const identity = clientId === undefined ? ('ephemeral' as const) : { clientId, storagePassphrase };
    const { apiUrl } = net;
    return tab.evaluate(({ name, apiUrl, identity }) => testPage.start(name, apiUrl, { identity }), {
      name,
      apiUrl,
      identity,
    });
  }

  async function started(...args: Parameters<typeof start>): Promise<string> {
    const outcome = await start(...args);
    assert.ok('address' in outcome, JSON.stringify(outcome));
    return outcome.address;
  }

  async function refused(...args: Parameters<typeof start>): Promise<{ code: string; message: string }> {
    const outcome = await start(...args);
    assert.ok('code' in outcome, 'the client started');
    return outcome;
  }

  const registrations = async () => (await net.counters()).gateways.registrations;

  it('exchanges an anonymous message and a reply, and asks nobody but the network', limit, async () => {
    const tab = await openPage();
    await started(tab, 'alice');
    await started(tab, 'bob');
    // More than a packet each way.
    const question = 'question '.repeat(1_000);
    const answer = 'answer '.repeat(1_000);
    assert.deepEqual(
      await tab.evaluate(([q, a]) => testPage.exchange('alice', 'bob', q, a), [question, answer] as const),
      [question, answer],
    );
    const hosts = new Set(requests.map((url) => new URL(url).host));
    const { host: directory } = new URL(net.apiUrl);
    const { host: own } = new URL(site.url);
    const gateways = net.gateways.map(({ wsPort }) => `127.0.0.1:${wsPort}`);
    assert.ok(
      hosts.has(directory) && gateways.some((gateway) => hosts.has(gateway)),
      'all requests are seen',
    );
    assert.deepEqual(
      [...hosts].filter((host) => ![own, directory, ...gateways].includes(host)),
      [],
    );
  });

  it('keeps its Nym address over a reload, and does not register again', limit, async () => {
    const tab = await openPage();
    const address = await started(tab, 'mine', 'kept');
    const earlier = await registrations();
    // A gateway drawn anew could be the same one by chance, but hardly so often.
    for (let reload = 0; reload < 4; reload += 1) {
      await tab.reload();
      assert.equal(await started(tab, 'mine', 'kept'), address);
    }
    assert.equal(await registrations(), earlier);
  });

  it('encrypts its keys with a passphrase, and says so when it does not fit', limit, async () => {
    const tab = await openPage();
    const address = await started(tab, 'mine', 'locked', 'right');
    await tab.reload();
    for (const passphrase of ['wrong', undefined]) {
      const { code, message } = await refused(tab, 'mine', 'locked', passphrase);
      assert.equal(code, 'identity');
      assert.match(message, /passphrase does not open the identity "locked"/);
    }
    assert.equal(await started(tab, 'mine', 'locked', 'right'), address);
  });

  it('has its identity to itself, among all tabs', limit, async () => {
    const tab = await openPage();
    const other = await openPage();
    const address = await started(tab, 'mine', 'shared');
    for (const trier of [tab, other]) {
      const { code, message } = await refused(trier, 'second', 'shared');
      assert.equal(code, 'identity');
      assert.match(message, /in use by another tab/);
    }
    await assert.rejects(
      other.evaluate(() => testPage.forget('shared')),
      /in use by another tab/,
    );
    await tab.close();
    assert.equal(await started(other, 'second', 'shared'), address);
  });

  it('is lost when its gateway goes, and can be started again when that is back', limit, async () => {
    const tab = await openPage();
    const address = await started(tab, 'mine', 'kept');
    const gateway = net.gateways.find(({ identity }) => address.endsWith(`@${identity}`));
    assert.ok(gateway);
    const lost = tab.evaluate(() => testPage.lost('mine'));
    await net.stopNode(gateway.id);
    try {
      assert.match(
        await lost,
        /^The connection to the gateway is gone \(code \d+\)\. Start another client\.$/,
      );
      const { code, message } = await refused(tab, 'again', 'kept');
      assert.equal(code, 'gateway');
      assert.match(message, /forget the identity "kept"/);
    } finally {
      await net.startNode(gateway.id);
    }
    assert.equal(await started(tab, 'again', 'kept'), address);
  });

  it('has another address once its identity was forgotten', limit, async () => {
    const tab = await openPage();
    const address = await started(tab, 'mine', 'kept');
    await tab.evaluate(() => testPage.close('mine'));
    await tab.evaluate(() => testPage.forget('kept'));
    assert.deepEqual(await tab.evaluate(() => testPage.databases()), ['nym-tcp-proxy']);
    assert.notEqual(await started(tab, 'mine', 'kept'), address);
  });

  it('leaves nothing of an ephemeral identity behind, even if its page dies', limit, async () => {
    const tab = await openPage();
    await started(tab, 'mine');
    await tab.evaluate(() => testPage.close('mine'));
    assert.deepEqual(await tab.evaluate(() => testPage.databases()), ['nym-tcp-proxy']);

    const dying = await openPage();
    await started(dying, 'mine');
    await dying.close();
    const [left] = (await tab.evaluate(() => testPage.databases())).slice(1);
    assert.match(left ?? '', /ephemeral/);
    await started(tab, 'next');
    await tab.evaluate((name) => testPage.databaseGone(name), left ?? '');
  });

  const failures: [what: string, url: string, body: string | undefined, code: string, message: RegExp][] = [
    ['the official client panics', '**/key-rotation-info', PANIC, 'crashed', /crashed: .*unreachable/],
    ['the directory talks nonsense', '**/rewarded-set', '{}', 'network', /cannot be used/],
    ['the .wasm file is missing', '**/*.wasm', undefined, 'crashed', /\.wasm answered 404/],
    [
      'the script of the worker is missing',
      '**/official-client-worker-*.js',
      undefined,
      'crashed',
      /could not be loaded. Check that the site serves it\.$/,
    ],
  ];
  for (const [what, url, body, code, message] of failures) {
    it(`does not start and lets go of its identity when ${what}`, limit, async () => {
      const tab = await openPage();
      const headers = { 'access-control-allow-origin': '*' };
      const status = body === undefined ? 404 : 200;
      await visitor.route(url, (route) =>
        route.fulfill({ status, headers, contentType: 'application/json', body: body ?? '' }),
      );
      const failure = await refused(tab, 'mine', 'kept');
      assert.equal(failure.code, code);
      assert.match(failure.message, message);
      await visitor.unroute(url);
      await started(tab, 'mine', 'kept');
    });
  }

  it('says what it needs on a page that is not served securely', limit, async () => {
    // As browsers hide them there.
    await visitor.addInitScript(() => {
      Reflect.deleteProperty(Navigator.prototype, 'locks');
      Reflect.deleteProperty(Crypto.prototype, 'randomUUID');
    });
    const tab = await openPage();
    const { code, message } = await refused(tab, 'mine');
    assert.equal(code, 'identity');
    assert.match(message, /https/);
  });
});
