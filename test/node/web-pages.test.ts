import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';

import type { Browser, Page } from 'playwright-core';

import type { NymProxyClientOptions } from '../../src/node/proxy-client.js';
import { startChromium } from '../support/chromium.js';
import { readToEnd, resetCode, TestNetwork, TestTunnel, TestUpstream } from '../support/tunnel.js';

const IN_TIME = { timeout: 90_000 };

let network: TestNetwork;
before(async () => (network = await TestNetwork.start()));
after(() => network[Symbol.asyncDispose]());

/** A web server of the test's: a page at every path, and the paths that were asked for. */
class TestSite {
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor() {
    const note = (url = '') => void this.asked.push(url);
    this.#server = createServer(({ url }, response) => {
      note(url);
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>secret</title>');
    });
    this.#server.on('upgrade', ({ url }, socket: Socket) => {
      note(url);
      socket.destroy();
    });
  }

  static async start(): Promise<TestSite> {
    const site = new TestSite();
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    return site;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/**
 * Everything that a page tries with the tunnel's port; gives what it learned. It runs in the browser. A page is rebound if
 * the name of its own site has become one for this machine.
 */
async function attack({ port, rebound }: { port: number; rebound: boolean }): Promise<string[]> {
  const learned: string[] = [];
  const origin = rebound ? location.origin : `http://127.0.0.1:${port}`;
  const quietly = async (what: string, work: () => Promise<unknown>) => {
    await work().then(
      (value) => learned.push(`${what}: ${String(value)}`),
      () => undefined,
    );
  };
  await quietly('get', () => fetch(`${origin}/tag?get`, { mode: 'no-cors' }));
  await quietly('post', () =>
    fetch(`${origin}/tag?post`, { mode: 'no-cors', method: 'POST', body: 'visitor' }),
  );
  await quietly('read', async () => (await fetch(`${origin}/tag?read`)).text());
  await quietly('localhost', () => fetch(`http://localhost:${port}/tag?localhost`, { mode: 'no-cors' }));
  const ended = (start: (end: () => void) => void) => new Promise<void>((resolve) => start(resolve));
  await ended((end) => {
    const image = new Image();
    image.onload = image.onerror = end;
    image.src = `${origin}/tag?image`;
  });
  await ended((end) => {
    const frame = document.createElement('iframe');
    frame.onload = end;
    frame.src = `${origin}/tag?frame`;
    document.body.append(frame);
  });
  await ended((end) => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/tag?socket`);
    socket.onclose = end;
  });
  return learned;
}

async function openSite(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
}

describe("other people's web pages", IN_TIME, () => {
  let browser: Browser;
  before(async () => {
    browser = await startChromium(['--host-resolver-rules=MAP *.example 127.0.0.1']);
  });
  after(() => browser.close());

  /** What an upstream hears of a page of another origin, of one that a name was rebound for, and of its own. */
  async function tryAll(options: Partial<NymProxyClientOptions>) {
    const upstream = await TestSite.start();
    const elsewhere = await TestSite.start();
    await using tunnel = await TestTunnel.start(network.env, `127.0.0.1:${upstream.port}`, options);
    const { port } = tunnel.client.listenAddress;
    const refusals: number[] = [];
    tunnel.client.on('refusal', ({ status }) => refusals.push(status));
    try {
      const own = await openSite(browser, `http://127.0.0.1:${port}/own`);
      assert.equal(await own.title(), 'secret');
      // Its connection is kept, and used again.
      const learnedByOwn = await own.evaluate(async () => (await fetch('/own/read')).text());
      assert.match(learnedByOwn, /secret/);

      const foreign = await openSite(browser, `http://site.example:${elsewhere.port}/`);
      const learned = await foreign.evaluate(attack, { port, rebound: false });
      await foreign.goto(`http://site.example:${elsewhere.port}/`);
      await foreign.evaluate((url) => location.assign(url), `http://127.0.0.1:${port}/tag?navigation`);
      await foreign.waitForURL(/navigation/);

      const rebound = await browser.newPage();
      await rebound.goto(`http://rebound.example:${port}/tag?rebound`);
      const learnedByRebinding = await rebound.evaluate(attack, { port, rebound: true });
      for (const page of [own, foreign, rebound]) await page.close();
      const tags = upstream.asked.filter((path) => path.startsWith('/tag'));
      return { tags, learned: [...learned, ...learnedByRebinding].join('\n'), refusals };
    } finally {
      upstream.close();
      elsewhere.close();
    }
  }

  it('do not reach the upstream', IN_TIME, async () => {
    const { tags, learned, refusals } = await tryAll({});
    assert.deepEqual(tags, []);
    assert.doesNotMatch(learned, /secret/);
    assert.deepEqual(new Set(refusals), new Set([403, 421]));
  });

  it('do if that is wanted', IN_TIME, async () => {
    const { tags, learned, refusals } = await tryAll({ webPages: 'allow' });
    for (const way of [
      'get',
      'post',
      'read',
      'localhost',
      'image',
      'frame',
      'socket',
      'navigation',
      'rebound',
    ])
      assert.ok(tags.includes(`/tag?${way}`), `${way}: ${tags.join(' ')}`);
    assert.match(learned, /secret/);
    assert.deepEqual(refusals, []);
  });
});

describe('the listening port', IN_TIME, () => {
  it('refuses a page with an answer, also behind other requests', IN_TIME, async () => {
    const asked: string[] = [];
    await using upstream = await TestUpstream.start((socket) => {
      socket.on('data', (bytes: Buffer) => {
        asked.push(bytes.toString());
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    await using tunnel = await TestTunnel.start(network.env, upstream.address);
    const own = 'GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const foreign = 'GET /foreign HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n';

    const refused = tunnel.connect();
    refused.write(foreign.slice(0, 20));
    await new Promise((resolve) => setTimeout(resolve, 500));
    refused.write(foreign.slice(20));
    assert.match(
      (await readToEnd(refused)).toString(),
      /^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\nconnection: close\r\n\r\nA page of http:\/\/evil\.example made this request, .*--allow-origin\.\n$/,
    );
    refused.destroy();

    const kept = tunnel.connect();
    kept.write(own);
    assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1\.1 204/);
    kept.write(own + foreign);
    assert.equal(await resetCode(kept), 'ECONNRESET');
    assert.equal(asked.join('').replaceAll(own, ''), '');
  });

  it('lets an upstream speak first, and everything pass that is not HTTP', IN_TIME, async () => {
    await using upstream = await TestUpstream.start((socket) => {
      socket.write('220 ready\r\n');
      socket.pipe(socket);
    });
    await using tunnel = await TestTunnel.start(network.env, upstream.address);
    const waiting = tunnel.connect();
    assert.equal(String((await once(waiting, 'data'))[0]), '220 ready\r\n');
    const echoed = readToEnd(waiting);
    waiting.end('EHLO me\r\n');
    assert.equal((await echoed).toString(), 'EHLO me\r\n');
    waiting.destroy();

    const silent = tunnel.connect();
    silent.end();
    assert.equal((await readToEnd(silent)).toString(), '220 ready\r\n');
  });

  it('is free again at once when its client closes, whatever has begun there', IN_TIME, async () => {
    await using upstream = await TestUpstream.start((socket) => void socket.pipe(socket));
    await using tunnel = await TestTunnel.start(network.env, upstream.address);
    const { port, host } = tunnel.client.listenAddress;
    const begun = connect(port, host);
    begun.write('GET / HT');
    const reset = resetCode(begun);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tunnel.client.close();
    assert.equal(await reset, 'ECONNRESET');
  });
});
