import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Page } from 'playwright-core';

import { DemoSite, type Visit } from './demo-site.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

describe('the demo’s page of streams', { timeout: 600_000 }, () => {
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

  it(
    'talks from tab to tab by a link: lines and a file both ways, and an end that both see',
    limit,
    async () => {
      const [first, second] = await demo.talking(visit);
      for (const [from, to, text] of [
        [first, second, 'grüß dich'],
        [second, first, 'yourself'],
      ] as const) {
        await from.getByLabel('Message', { exact: true }).fill(text);
        await from.getByRole('button', { name: 'Send', exact: true }).click();
        await log(to).locator('.received').getByText(text).waitFor();
      }
      for (const [from, to, size] of [
        [first, second, 300_000],
        [second, first, 0],
      ] as const) {
        const content = randomBytes(size);
        const name = `${size}.bin`;
        await from
          .getByLabel('Send a file')
          .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: content });
        const hash = createHash('sha256').update(content).digest('hex');
        for (const tab of [from, to]) {
          await log(tab)
            .locator('.file', { hasText: name })
            .getByText(`${hash.slice(0, 16)}… at both ends`)
            .waitFor();
        }
        const download = to.waitForEvent('download');
        await log(to).locator('.file', { hasText: name }).getByRole('button', { name: 'Save' }).click();
        const saved = await download;
        assert.equal(saved.suggestedFilename(), name);
        assert.deepEqual(await readFile(await saved.path()), content);
      }
      await first.getByRole('button', { name: 'End', exact: true }).click();
      await log(second).getByText('The other tab has ended the conversation.').waitFor();
      for (const tab of [first, second]) {
        await log(tab).getByText('Ended. Everything that was said has arrived.').waitFor();
      }

      const hosts = new Set(
        visit.requests.filter((url) => /^(http|ws)/.test(url)).map((url) => new URL(url).host),
      );
      const { apiUrl, gateways } = demo.net.localnet;
      const entries = gateways.map(({ wsPort }) => `127.0.0.1:${wsPort}`);
      const allowed = [...[demo.url, apiUrl].map((url) => new URL(url).host), ...entries];
      assert.ok(
        entries.some((entry) => hosts.has(entry)),
        'the WebSocket of the official client is seen',
      );
      assert.deepEqual(
        [...hosts].filter((host) => !allowed.includes(host)),
        [],
      );
    },
  );

  it('lets a file be stopped, and tells who is left that the other tab is gone', limit, async () => {
    const [first, second] = await demo.talking(visit);
    const buffer = randomBytes(8_000_000);
    await first
      .getByLabel('Send a file')
      .setInputFiles({ name: 'large.bin', mimeType: 'application/octet-stream', buffer });
    await log(second).getByText('large.bin').waitFor();
    await log(first).getByRole('button', { name: 'Stop' }).click();
    await log(first).getByText('You stopped it').waitFor();
    await log(second).getByText('The sender stopped it.').waitFor();
    await second.getByRole('button', { name: 'Disconnect' }).click();
    await log(first).getByText('The other tab has given it up, or left.').waitFor();
    assert.ok(await first.getByLabel('Message', { exact: true }).isDisabled());
    assert.ok(await first.getByRole('button', { name: 'Start talking' }).isEnabled());
  });

  it('refuses a second caller, and says so there', limit, async () => {
    const [, second] = await demo.talking(visit);
    const address = await second.getByLabel('Nym address of this tab').innerText();
    const third = await demo.openStreams(visit, address);
    await third.getByRole('button', { name: 'Connect and talk' }).click();
    await log(third).getByText('The other tab talks to somebody else').waitFor();
    assert.ok(await second.getByLabel('Message', { exact: true }).isEnabled());
  });

  it('says what is wrong with an address, and with the network', limit, async () => {
    const page = await demo.openStreams(visit);
    await page.getByRole('radio', { name: 'Another' }).check();
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('alert').getByText('The network cannot be used').waitFor();
    await page.getByRole('radio', { name: 'The localnet' }).check();
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('link', { name: 'Open the other tab' }).waitFor();
    const address = await page.getByLabel('Nym address of this tab').innerText();
    const field = page.getByLabel('Nym address of the other tab');
    await field.fill('wrong');
    await page.getByRole('button', { name: 'Start talking' }).click();
    await page.getByText('A Nym address has the form').waitFor();
    await field.fill(address);
    await field.press('Enter');
    await page.getByText('This is the address of this tab itself.').waitFor();
  });
});

function log(page: Page) {
  return page.getByRole('log', { name: 'Conversation' });
}
