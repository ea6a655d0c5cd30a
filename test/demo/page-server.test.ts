import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';

import { checkPage } from '../../src/demo/page-check.js';
import { PAGE_HEADERS } from '../../src/demo/page-headers.js';
import { startPageServer, type DemoSite, type PageServer } from '../../src/demo/page-server.js';

const IN_TIME = { timeout: 30_000 };

const SITE: DemoSite = {
  localnet: true,
  network: { name: 'localnet', apiUrl: 'http://127.0.0.1:18080/api/' },
  serverAddress: 'an.address@somewhere',
  upstream: '127.0.0.1:41234',
  demoUpstream: true,
  traffic: 'fast',
};

const FILES: Readonly<Record<string, string>> = {
  'index.html': '<!doctype html><script type="module" src="/assets/index-abc.js"></script>',
  'service-worker.js': 'self;',
  'icon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'assets/index-abc.js': 'export {};',
  'assets/client-abc.wasm': '\0asm',
};

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
  await mkdir(join(directory, 'assets'));
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(directory, name), content);
});
after(() => rm(directory, { recursive: true }));

async function start(t: TestContext): Promise<PageServer> {
  const server = await startPageServer({ port: 0, portFixed: true, site: SITE, directory });
  t.after(() => server.close());
  return server;
}

/** Unlike `fetch` it lets a test choose Host, and leaves a path as it is. */
async function ask(url: string, path: string, method = 'GET', headers: Record<string, string> = {}) {
  const { hostname, port } = new URL(url);
  const asked = request({ hostname, port, path, method, headers, agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe('the server of the demo page', IN_TIME, () => {
  it('serves every file as what it is', async (t) => {
    const { url } = await start(t);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    for (const [path, type, cache] of [
      ['/', /^text\/html/, 'no-cache'],
      ['/?network=x', /^text\/html/, 'no-cache'],
      ['/service-worker.js', /^text\/javascript/, 'no-cache'],
      ['/icon.svg', /^image\/svg\+xml/, 'no-cache'],
      ['/assets/index-abc.js', /^text\/javascript/, 'public, max-age=31536000, immutable'],
      ['/assets/client-abc.wasm', /^application\/wasm$/, 'public, max-age=31536000, immutable'],
    ] as const) {
      const { status, headers, body } = await ask(url, path);
      assert.equal(status, 200, path);
      assert.match(headers['content-type'] ?? '', type);
      assert.equal(headers['cache-control'], cache, path);
      const [name = ''] = path.slice(1).split('?');
      assert.equal(body, FILES[name === '' ? 'index.html' : name]);
    }
  });

  it('puts its policy on every answer, also on those that refuse', async (t) => {
    const { url } = await start(t);
    const answers = await Promise.all([
      ask(url, '/'),
      ask(url, '/service-worker.js'),
      ask(url, '/assets/index-abc.js', 'HEAD'),
      ask(url, '/demo.json'),
      ask(url, '/nothing'),
      ask(url, '/', 'POST'),
      ask(url, '/', 'GET', { host: 'example.org' }),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 404, 405, 421],
    );
    for (const { headers } of answers) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) assert.equal(headers[name], value);
    }
    const policy = PAGE_HEADERS['content-security-policy'] ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
    assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|script-src[^;]*(https?:|data:|blob:|\*)/);
  });

  it('tells the page of the demo, and no cache', async (t) => {
    const { url } = await start(t);
    const { status, headers, body } = await ask(url, '/demo.json');
    assert.deepEqual(
      [status, headers['content-type'], headers['cache-control']],
      [200, 'application/json', 'no-store'],
    );
    assert.equal(headers['access-control-allow-origin'], undefined, 'other pages may not read it');
    assert.deepEqual(JSON.parse(body), SITE);
  });

  it('answers only under a name of this machine', async (t) => {
    const { url } = await start(t);
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'localhost:5173', 'LOCALHOST']) {
      assert.equal((await ask(url, '/demo.json', 'GET', { host })).status, 200, host);
    }
    for (const host of [
      'example.org',
      `127.0.0.1.example.org:${port}`,
      'localhost.',
      '10.0.0.1',
      'a@localhost',
    ]) {
      for (const path of ['/demo.json', '/', '/assets/index-abc.js']) {
        const { status, body } = await ask(url, path, 'GET', { host });
        assert.equal(status, 421, `${host} ${path}`);
        assert.match(body, /Ask for http:\/\/127\.0\.0\.1:\d+\//);
      }
    }
  });

  it('serves nothing but the page', async (t) => {
    const { url } = await start(t);
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/..%2fpackage.json',
      '//',
      '/%',
      '*',
      '/.git',
    ]) {
      assert.equal((await ask(url, path)).status, 404, path);
    }
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.end('no request\r\n\r\n');
    assert.match(await text(socket), /^HTTP\/1\.1 400 /);
    assert.equal((await ask(url, '/')).status, 200);
  });

  it('takes another port if the usual one is in use, unless that one was asked for', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const server = await startPageServer({ port, portFixed: false, site: SITE, directory });
    t.after(() => server.close());
    assert.notEqual(new URL(server.url).port, String(port));
    await assert.rejects(startPageServer({ port, portFixed: true, site: SITE, directory }), {
      name: 'CommandError',
      message: `127.0.0.1, port ${port}, for the page, is in use. Give another --page-port.`,
    });
  });

  it('says how to build the page if it is missing', async () => {
    const missing = join(directory, 'assets');
    await assert.rejects(startPageServer({ port: 0, portFixed: true, site: SITE, directory: missing }), {
      name: 'CommandError',
      message: `The page is not built: ${missing} has no index.html. Run npm run build.`,
    });
  });
});

describe('the check of the page', IN_TIME, () => {
  const never = new AbortController().signal;

  it('is content with a page that is all there', async (t) => {
    await checkPage((await start(t)).url, never);
  });

  it('says what is missing', async (t) => {
    const { url } = await start(t);
    await rm(join(directory, 'service-worker.js'));
    t.after(() => writeFile(join(directory, 'service-worker.js'), FILES['service-worker.js'] ?? ''));
    const again = await start(t);
    await assert.rejects(checkPage(again.url, never), {
      name: 'CommandError',
      message: /service-worker\.js is not served as it should be: the status is 404\..*npm run build/,
    });
    await assert.rejects(checkPage(url, AbortSignal.abort()), { name: 'AbortError' });
  });
});
