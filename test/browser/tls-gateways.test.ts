import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import type { Browser } from 'playwright-core';

import { startLocalnet, type Localnet } from '../../src/localnet/index.js';
import { serveBuiltPage, type BuiltPage } from '../support/built-page.js';
import { startChromium } from '../support/chromium.js';
import {
  LOCALHOST_CERTIFICATE,
  LOCALHOST_KEY,
  LOCALHOST_KEY_HASH,
} from '../support/localhost-certificate.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

const SCRIPT = join(import.meta.dirname, '../support/page/mixnet-page.js');

describe('a mixnet client in a web page, at gateways that offer TLS', { timeout: 300_000 }, () => {
  let net: Localnet;
  let site: BuiltPage;
  before(async () => {
    net = await startLocalnet({ tls: { key: LOCALHOST_KEY, cert: LOCALHOST_CERTIFICATE } });
    site = await serveBuiltPage(SCRIPT);
  }, limit);
  after(async () => {
    await site.close();
    await net.close();
  }, limit);

  /** Has two clients in a page talk; what arrived, or why one did not start, and the sockets that were opened. */
  async function talk(chromium: Browser): Promise<{ said: unknown; sockets: string[] }> {
    const page = await chromium.newPage();
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.goto(site.url);
    const said = await page.evaluate(async (apiUrl) => {
      for (const name of ['alice', 'bob']) {
        const outcome = await testPage.start(name, apiUrl);
        if ('code' in outcome) return outcome.code;
      }
      return testPage.exchange('alice', 'bob', 'question', 'answer');
    }, net.apiUrl);
    return { said, sockets };
  }

  it('connects with it, if the browser trusts their certificate', limit, async () => {
    const chromium = await startChromium([`--ignore-certificate-errors-spki-list=${LOCALHOST_KEY_HASH}`]);
    try {
      const { said, sockets } = await talk(chromium);
      assert.deepEqual(said, ['question', 'answer']);
      assert.ok(sockets.length >= 2);
      for (const url of sockets) assert.match(url, /^wss:\/\/localhost:\d+\//);
    } finally {
      await chromium.close();
    }
  });

  it('does not start, if the browser does not', limit, async () => {
    const chromium = await startChromium();
    try {
      assert.equal((await talk(chromium)).said, 'gateway');
    } finally {
      await chromium.close();
    }
  });
});
