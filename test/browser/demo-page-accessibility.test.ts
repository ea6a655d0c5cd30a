import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';

import type axe from 'axe-core';
import type { Page } from 'playwright-core';

import { DemoSite, panel, ready } from './demo-site.js';

const limit = { timeout: 120_000 };

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

describe('axe finds nothing serious in the demo page', { timeout: 900_000 }, () => {
  let demo: DemoSite;
  let script: string;
  before(
    async () => {
      script = await readFile(AXE, 'utf8');
      demo = await DemoSite.start();
    },
    { timeout: 120_000 },
  );
  after(() => demo[Symbol.asyncDispose](), { timeout: 60_000 });

  /** What axe finds, one line each. The frame is the upstream's affair. */
  async function findings(page: Page, state: string): Promise<string[]> {
    await page.evaluate(script);
    const { violations } = await page.evaluate(async () => {
      const { axe: it } = globalThis as unknown as { axe: typeof axe };
      return it.run({ exclude: ['iframe'] }, { iframes: false, resultTypes: ['violations'] });
    });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, any }) => `${state}: ${id}: ${html} ${any[0]?.message ?? ''}`),
      );
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 1280]) {
      it(`${colorScheme}, ${width} pixels wide`, limit, async () => {
        const visit = await demo.visit({
          colorScheme,
          viewport: { width, height: 800 },
          reducedMotion: 'reduce',
        });
        const found: string[] = [];
        const look = async (page: Page, state: string) => found.push(...(await findings(page, state)));
        try {
          const page = await demo.open(visit);
          await page.getByText('Traffic and identity').click();
          await look(page, 'form');
          await page.getByRole('button', { name: 'Forget everything kept' }).click();
          await look(page, 'dialog');
          await page.getByRole('button', { name: 'Keep it' }).click();
          await page.getByLabel('Address of the server').fill('wrong');
          await page.getByRole('button', { name: 'Connect', exact: true }).click();
          await page.getByText('A Nym address has the form').waitFor();
          await look(page, 'wrong address');
          await page.getByLabel('Address of the server').fill(demo.server.nymAddress);
          await page.getByRole('radio', { name: 'Another' }).check();
          await page.getByLabel('Address of the server').fill(demo.server.nymAddress);
          await page.getByRole('button', { name: 'Connect', exact: true }).click();
          await page.getByRole('alert').getByText('The network cannot be used').waitFor();
          await look(page, 'no network');
          await page.getByRole('radio', { name: 'The localnet' }).check();
          await page.getByRole('button', { name: 'Connect', exact: true }).click();
          await ready(page);
          await page
            .getByRole('region', { name: 'Sessions' })
            .getByRole('cell', { name: 'open' })
            .first()
            .waitFor();
          await look(page, 'browse');
          const request = await panel(page, 'Fetch');
          await request.getByRole('button', { name: 'Echo a post' }).click();
          await request.getByText('200 OK').waitFor();
          await look(page, 'fetch');
          const terminal = await panel(page, 'TCP');
          await terminal.getByRole('button', { name: 'A line to echo' }).click();
          await terminal.locator('.received').first().waitFor();
          await look(page, 'tcp');
          const socket = await panel(page, 'WebSocket');
          await socket.getByRole('button', { name: 'Connect', exact: true }).click();
          await socket.getByText('Open after').waitFor();
          await look(page, 'websocket');
          const events = await panel(page, 'Events');
          await events.getByRole('button', { name: 'Listen' }).click();
          await events.locator('.received').first().waitFor();
          await look(page, 'events');
          const alone = await demo.openStreams(visit);
          await look(alone, 'streams, not connected');
          await alone.close();
          const [first, second] = await demo.talking(visit);
          await first.getByLabel('Message', { exact: true }).fill('hello');
          await first.getByRole('button', { name: 'Send', exact: true }).click();
          await first
            .getByLabel('Send a file')
            .setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a file') });
          await second.getByRole('button', { name: 'Save' }).waitFor();
          await look(first, 'streams, called');
          await look(second, 'streams, caller');
          await second.getByRole('button', { name: 'End', exact: true }).click();
          await first.getByText('Everything that was said has arrived').waitFor();
          await first.getByLabel('Nym address of the other tab').fill('wrong');
          await first.getByRole('button', { name: 'Start talking' }).click();
          await first.getByText('A Nym address has the form').waitFor();
          await look(first, 'streams, ended');
        } finally {
          await visit.context.close();
        }
        assert.deepEqual(found, []);
      });
    }
  }
});
