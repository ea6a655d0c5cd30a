import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Page } from 'playwright-core';

import { DemoSite, panel, ready, type Visit } from './demo-site.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

describe('the demo page', { timeout: 900_000 }, () => {
  let demo: DemoSite;
  let visit: Visit;

  before(
    async () => {
      demo = await DemoSite.start();
    },
    { timeout: 120_000 },
  );
  after(() => demo[Symbol.asyncDispose](), { timeout: 60_000 });
  beforeEach(async () => {
    visit = await demo.visit();
  }, limit);
  afterEach(async () => {
    await visit.context.close();
    assert.deepEqual(visit.troubles, []);
  }, limit);

  it('finds the localnet by itself, and connects at the press of a button', limit, async () => {
    const page = await demo.open(visit);
    assert.equal(await page.getByLabel('Address of the server').inputValue(), demo.server.nymAddress);
    assert.ok(await page.getByRole('radio', { name: 'The localnet on this machine' }).isChecked());
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await ready(page);
    const times = await page.getByRole('region', { name: 'This client' }).innerText();
    for (const step of ['official client', 'keys', 'gateway']) assert.match(times, new RegExp(`${step} \\d`));
  });

  it('asks a directory of its nodes only if that is the one of a localnet', limit, async () => {
    const asked = () => visit.requests.filter((url) => new URL(url).pathname.startsWith('/localnet/'));
    const localnet = await demo.connected(visit);
    await localnet.waitForRequest(/\/localnet\/nodes/);
    await localnet.close();

    visit.requests.length = 0;
    const other = await visit.context.newPage();
    await other.route('**/demo.json', async (route) => {
      const response = await route.fetch();
      const site = (await response.json()) as object;
      await route.fulfill({ json: { ...site, localnet: false } });
    });
    await other.goto(demo.url);
    await other.getByRole('button', { name: 'Connect', exact: true }).click();
    await ready(other);
    // Once a second it would ask.
    await other.waitForTimeout(2_500);
    assert.deepEqual(asked(), []);
  });

  it('browses the upstream through the tunnel, back and forward', limit, async () => {
    const page = await demo.connected(visit);
    const frame = page.frameLocator('iframe');
    const address = page.getByLabel('Path on the service');
    await frame.getByRole('heading', { name: 'This page came through a mixnet' }).waitFor();

    await frame.getByRole('link', { name: 'How that works' }).click();
    await frame.getByRole('heading', { name: 'How a page comes through a mixnet' }).waitFor();
    await page.waitForFunction(isPath, '/about.html');
    await page.getByRole('button', { name: 'Back' }).click();
    await frame.getByRole('heading', { name: 'This page came through a mixnet' }).waitFor();
    await page.waitForFunction(isPath, '/');
    await page.getByRole('button', { name: 'Forward' }).click();
    await frame.getByRole('heading', { name: 'How a page comes through a mixnet' }).waitFor();

    await address.fill('/large.bin.sha256');
    await address.press('Enter');
    await frame.getByText('large.bin').waitFor();
    await page.getByRole('button', { name: 'First page' }).click();
    await frame.getByRole('heading', { name: 'This page came through a mixnet' }).waitFor();
  });

  it('fetches with method, headers and body, and shows the answer as it comes', limit, async () => {
    const page = await demo.connected(visit);
    const tab = await panel(page, 'Fetch');
    await tab.getByLabel('Method').selectOption('POST');
    await tab.getByLabel('Path').fill('/echo');
    await tab.getByRole('button', { name: 'Add a header' }).click();
    await tab.getByLabel('Header name').fill('content-type');
    await tab.getByLabel('Header value').fill('text/plain; charset=utf-8');
    await tab.getByLabel('Body', { exact: true }).first().fill('grüß dich\n');
    await tab.getByRole('button', { name: 'Fetch' }).click();
    await tab.getByText('200 OK').waitFor();
    await tab.getByRole('region', { name: 'Body' }).getByText('grüß dich').waitFor();
    await tab.getByText('content-type').waitFor();
    await tab.getByText(/First byte after .*, all after/).waitFor();

    await tab.getByRole('button', { name: 'Events' }).click();
    const body = tab.getByRole('region', { name: 'Body' });
    await body.getByText(/data: event 2/).waitFor();
    await tab.getByRole('button', { name: 'Abort' }).click();
    await tab.getByText('Aborted.').waitFor();
  });

  it('hashes and saves what it fetched', limit, async () => {
    const page = await demo.connected(visit);
    const tab = await panel(page, 'Fetch');
    await tab.getByRole('button', { name: '1 MiB' }).click();
    await tab.getByText('as the service says').waitFor();
    await tab.getByText('1,048,576 bytes').waitFor();
    const download = page.waitForEvent('download');
    await tab.getByRole('button', { name: 'Save' }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), 'large.bin');
    const direct = await fetch(`http://${demo.upstream}/large.bin`);
    const bytes = Buffer.from(await direct.arrayBuffer());
    const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
    assert.equal(sha256(await readFile(await saved.path())), sha256(bytes));
  });

  it('types into a TCP connection, and shows what cannot be seen', limit, async () => {
    const page = await demo.connected(visit);
    const tab = await panel(page, 'TCP');
    const log = tab.getByRole('log');
    await tab.getByRole('button', { name: 'Open' }).click();
    await tab.getByLabel('ends with').selectOption('\r\n');
    await tab.getByLabel('Line').fill('hello');
    await tab.getByRole('button', { name: 'Send' }).click();
    await log.locator('.received').getByText('hello\\r\\n').waitFor();
    await tab.getByLabel('Show as hex').check();
    await log.locator('.received').getByText('68 65 6c 6c 6f 0d 0a').waitFor();
    await tab.getByRole('button', { name: 'End my side' }).click();
    await log.getByText('The service has ended its side.').waitFor();
    await log.getByText('Closed.').waitFor();

    await tab.getByLabel('Show as hex').uncheck();
    await tab.getByRole('button', { name: 'GET / by hand' }).click();
    await log.getByText('HTTP/1.1 200 OK').waitFor();
  });

  it('exchanges WebSocket messages', limit, async () => {
    const page = await demo.connected(visit);
    const tab = await panel(page, 'WebSocket');
    const log = tab.getByRole('log');
    await tab.getByRole('button', { name: 'Connect', exact: true }).click();
    await log.getByText('Open after').waitFor();
    await tab.getByLabel('Message', { exact: true }).fill('hello socket');
    await tab.getByRole('button', { name: 'Send' }).click();
    await log.locator('.received').getByText('hello socket').waitFor();
    await tab.getByRole('button', { name: 'Close' }).click();
    await log.getByText('Closed with 1000').waitFor();
  });

  it('shows events as they come', limit, async () => {
    const page = await demo.connected(visit);
    const tab = await panel(page, 'Events');
    await tab.getByRole('button', { name: 'Listen' }).click();
    for (const number of [1, 2, 3]) await tab.locator('.received').getByText(`event ${number},`).waitFor();
    await tab.getByRole('button', { name: 'Stop' }).click();
    await tab.getByText('Stopped.').waitFor();
  });

  it('shows what happens: numbers, a plot, sessions, and the nodes of the localnet', limit, async () => {
    const page = await demo.connected(visit);
    await page
      .getByRole('region', { name: 'Sessions' })
      .getByRole('cell', { name: 'open' })
      .first()
      .waitFor();
    const numbers = page.getByRole('region', { name: 'Throughput' });
    await numbers.getByText(/^\d+ ms$|^\d\.\d+ s$/).waitFor();
    await numbers.locator('canvas').waitFor();
    const way = page.getByRole('region', { name: 'The way the packets take' });
    // Two gateways, or one if both ends drew the same, and six mix nodes.
    await way
      .getByText(/^[1-9][\d,]* packets$/)
      .nth(7)
      .waitFor();
  });

  it('says at the address what is wrong with it, and connects once it is right', limit, async () => {
    const page = await demo.open(visit);
    const address = page.getByLabel('Address of the server');
    await address.fill('not an address');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByText('A Nym address has the form').waitFor();
    assert.equal(await address.getAttribute('aria-invalid'), 'true');
    assert.ok(await address.evaluate((input) => input === document.activeElement));
    await address.fill(demo.server.nymAddress);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await ready(page);
  });

  it('says what is wrong with a network, and takes another by its env file', limit, async () => {
    const page = await demo.open(visit);
    await page.getByRole('radio', { name: 'Another' }).check();
    await page.getByLabel('Address of the server').fill(demo.server.nymAddress);
    // Nothing listens on port 1.
    await page.getByLabel('Env file’s text').fill('NYM_API=http://127.0.0.1:1/api/\n');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('The network cannot be used').waitFor();
    await page.getByLabel('or the file').setInputFiles(demo.net.env);
    await page.waitForFunction((apiUrl) => {
      return [...document.querySelectorAll('textarea')].some(({ value }) => value.includes(apiUrl));
    }, demo.net.localnet.apiUrl);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await ready(page);
  });

  it('gives up the start when it is told to', limit, async () => {
    await visit.context.route('**/api/**', () => undefined);
    const page = await demo.open(visit);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
    assert.equal(await page.getByRole('tablist').count(), 0);
  });

  it('is connected again after a reload, under the same address', limit, async () => {
    const page = await demo.connected(visit);
    const own = page.getByRole('region', { name: 'This client' }).locator('code');
    const address = await fullAddress(page);
    await page.reload();
    await ready(page);
    assert.equal(await fullAddress(page), address);
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
    assert.equal(await own.count(), 0);
  });

  it('forgets everything when it is told to', limit, async () => {
    const page = await demo.connected(visit);
    const address = await fullAddress(page);
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await page.getByRole('button', { name: 'Forget everything kept' }).click();
    const reloaded = page.waitForEvent('load');
    await page.getByRole('dialog').getByRole('button', { name: 'Forget everything' }).click();
    await reloaded;
    const left = await page.evaluate(async () =>
      (await indexedDB.databases()).flatMap(({ name }) => name ?? []),
    );
    assert.deepEqual(
      left.filter((name) => name.startsWith('wasm-client-storage')),
      [],
    );
    assert.equal(
      await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length),
      0,
    );
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await ready(page);
    assert.notEqual(await fullAddress(page), address);
  });

  it('shares one connection among its tabs, and says which tab holds it', limit, async () => {
    const first = await demo.connected(visit);
    const second = await demo.connected(visit);
    await second.getByText('Connected through another tab').waitFor();
    assert.equal(await fullAddress(second), await fullAddress(first));
    await first.close();
    await second.getByRole('status').getByText('Connected', { exact: true }).waitFor();
  });

  it('says that it reconnects when its gateway is gone, and is back when the gateway is', limit, async () => {
    const page = await demo.connected(visit);
    const gateway = (await fullAddress(page)).split('@')[1];
    const node = demo.net.localnet.gateways.find(({ identity }) => identity === gateway);
    assert.ok(node);
    await demo.net.localnet.stopNode(node.id);
    await page.locator('header').getByText('Reconnecting').waitFor();
    await page.getByRole('region', { name: 'About the connection' }).waitFor();
    await demo.net.localnet.startNode(node.id);
    await ready(page);
    await page.getByRole('region', { name: 'About the connection' }).waitFor({ state: 'hidden' });
    // The server may have had the same gateway, and comes back in its own time.
    const tab = await panel(page, 'Fetch');
    const answer = tab.getByText('200 OK');
    while (!(await answer.isVisible())) {
      await tab.getByRole('button', { name: 'A page' }).click();
      await tab.getByText(/First byte after|after \d/).waitFor();
    }
  });

  it('says that Browse needs a kept identity, and does everything else without', limit, async () => {
    const page = await demo.open(visit);
    await page.getByText('Traffic and identity').click();
    await page.getByRole('checkbox', { name: 'Keep my identity' }).uncheck();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await ready(page);
    await page.getByText('Browse does not work here').waitFor();
    const tab = await panel(page, 'Fetch');
    await tab.getByRole('button', { name: 'A page' }).click();
    await tab.getByText('200 OK').waitFor();
  });

  it('says what Browse lacks in a browser without service workers', limit, async () => {
    await visit.context.addInitScript(() => {
      Reflect.deleteProperty(Navigator.prototype, 'serviceWorker');
    });
    const page = await demo.connected(visit);
    await page.getByRole('alert').getByText('This browser offers no service worker here.').waitFor();
  });

  it('holds still while it fills', limit, async () => {
    const narrow = await demo.visit({ viewport: { width: 360, height: 800 } });
    await narrow.context.addInitScript(() => {
      const seen = { score: 0 };
      Object.assign(globalThis, { layoutShift: seen });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if ('value' in entry) seen.score += Number(entry.value);
      }).observe({ type: 'layout-shift', buffered: true });
    });
    try {
      const page = await demo.connected(narrow);
      await page.frameLocator('iframe').getByText('This page came through a mixnet').waitFor();
      const tab = await panel(page, 'Fetch');
      await tab.getByRole('button', { name: 'A page' }).click();
      await tab.getByText('200 OK').waitFor();
      const score = await page.evaluate(() => Reflect.get(globalThis, 'layoutShift') as { score: number });
      // What counts as good is below 0.1; a list of answers that pushes the page down is far above.
      assert.ok(score.score < 0.1, `the layout shifts by ${score.score}`);
    } finally {
      await narrow.context.close();
    }
  });

  it('goes through its tabs by arrow keys', limit, async () => {
    const page = await demo.connected(visit);
    await page.getByRole('tab', { name: 'Browse' }).focus();
    for (const name of ['Fetch', 'TCP', 'WebSocket', 'Events', 'Browse']) {
      await page.keyboard.press('ArrowRight');
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), name);
      await page.getByRole('tabpanel', { name }).waitFor();
    }
  });

  it('asks nobody but its own site, the directory and the gateways', limit, async () => {
    const page = await demo.connected(visit);
    await page
      .frameLocator('iframe')
      .getByRole('heading', { name: 'This page came through a mixnet' })
      .waitFor();
    const tab = await panel(page, 'Fetch');
    await tab.getByRole('button', { name: 'A page' }).click();
    await tab.getByText('200 OK').waitFor();
    const hosts = new Set(
      visit.requests.filter((url) => /^(http|ws)/.test(url)).map((url) => new URL(url).host),
    );
    const { apiUrl, gateways } = demo.net.localnet;
    const allowed = [demo.url, apiUrl].map((url) => new URL(url).host);
    const entries = gateways.map(({ wsPort }) => `127.0.0.1:${wsPort}`);
    assert.ok(
      entries.some((entry) => hosts.has(entry)),
      'the WebSocket of the official client is seen',
    );
    assert.deepEqual(
      [...hosts].filter((host) => ![...allowed, ...entries].includes(host)),
      [],
    );
  });
});

/** In the page: whether the address bar shows that path. */
function isPath(path: string): boolean {
  const input = document.querySelector<HTMLInputElement>('[aria-label="Path on the service"]');
  return input?.value === path;
}

/** Of the page's own client. */
async function fullAddress(page: Page): Promise<string> {
  const code = page.getByRole('region', { name: 'This client' }).locator('code[title*="@"]');
  return (await code.getAttribute('title')) ?? '';
}
