import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import type { BrowserContext, Frame } from 'playwright-core';

import { file, page, TunneledSite } from './tunneled-site.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

/** A minute of silence. */
function wav(): Buffer {
  const samples = Buffer.alloc(60 * 8_000, 0x80);
  const head = Buffer.alloc(44);
  head.write('RIFF');
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8_000, 24);
  head.writeUInt32LE(8_000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

/** Answers range requests as web servers do. */
function ranged(type: string, body: Buffer) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const common = { 'content-type': type, 'accept-ranges': 'bytes', etag: '"one"' };
    const isOld = request.headers['if-range'] !== undefined && request.headers['if-range'] !== '"one"';
    if (first === undefined || isOld) {
      response.writeHead(200, { ...common, 'content-length': body.length }).end(body);
      return;
    }
    const from = Number(first);
    const to = last === undefined || last === '' ? body.length - 1 : Number(last);
    const part = body.subarray(from, to + 1);
    const range = `bytes ${from}-${to}/${body.length}`;
    response.writeHead(206, { ...common, 'content-range': range, 'content-length': part.length }).end(part);
  };
}

describe('a service worker that serves the tunnel', { timeout: 1_800_000 }, () => {
  let world: TunneledSite;
  let visitor: BrowserContext;

  before(async () => void (world = await TunneledSite.start()), { timeout: 120_000 });
  after(() => world[Symbol.asyncDispose](), { timeout: 60_000 });

  beforeEach(async () => {
    world.routes.clear();
    visitor = await world.visitor();
  }, limit);
  afterEach(() => visitor.close(), limit);

  const connected = () => world.connected(visitor);

  function assertNothingLeft(): void {
    assert.deepEqual(world.decoy.contacts, []);
    // The browser itself looks now and then whether the service worker is still the same.
    const own = /^GET \/(?:service-worker\.js|assets\/[^/]+)$/;
    assert.deepEqual(
      world.site.asked.filter((asked) => !own.test(asked)),
      [],
    );
  }

  const paths = () => world.asked.map(({ method, url }) => `${method ?? ''} ${url ?? ''}`);
  const until = (frame: Frame, path: string) => frame.waitForURL(world.url(path));

  it('shows a page with its styles, images, scripts and data, wherever it has them from', limit, async () => {
    world.routes.set(
      '/docs/',
      page(`<!doctype html><html lang="de"><head><meta charset="utf-8"><title>ä€</title>
        <link rel="stylesheet" href="/style.css"><link rel="stylesheet" href="more.css"></head>
        <body><img id="near" src="../pixel.gif"><img id="far" src="/pixel.gif?far">
        <script type="module" src="./main.js"></script></body></html>`),
    );
    world.routes.set('/style.css', file('text/css', 'body { color: rgb(1, 2, 3) }'));
    world.routes.set('/docs/more.css', file('text/css', '@import "/deep.css";'));
    world.routes.set('/deep.css', file('text/css', 'body { background: rgb(4, 5, 6) }'));
    world.routes.set('/pixel.gif', file('image/gif', PIXEL));
    world.routes.set('/docs/main.js', file('text/javascript', 'import "/lib.js"; window.loaded = true;'));
    world.routes.set('/lib.js', file('text/javascript', 'window.data = await (await fetch("data")).json();'));
    const json = gzipSync('{"a":"zipped"}');
    world.routes.set('/docs/data', file('application/json', json, { 'content-encoding': 'gzip' }));

    const frame = await world.browse(await connected(), '/docs/');
    await frame.waitForFunction(
      'window.loaded && document.images[0].complete && document.images[1].complete',
    );
    assert.deepEqual(
      await frame.evaluate(() => ({
        title: document.title,
        lang: document.documentElement.lang,
        mode: document.compatMode,
        color: getComputedStyle(document.body).color,
        background: getComputedStyle(document.body).backgroundColor,
        widths: Array.from(document.images, ({ naturalWidth }) => naturalWidth),
        data: Reflect.get(window, 'data') as unknown,
      })),
      {
        title: 'ä€',
        lang: 'de',
        mode: 'CSS1Compat',
        color: 'rgb(1, 2, 3)',
        background: 'rgb(4, 5, 6)',
        widths: [1, 1],
        data: { a: 'zipped' },
      },
    );
    const { headers } = world.asked.find(({ url }) => url === '/pixel.gif?far') ?? assert.fail();
    assert.equal(headers.host, 'upstream');
    assert.equal(headers.referer, 'http://upstream/docs/');
    for (const name of ['user-agent', 'cookie', 'accept-language', 'sec-ch-ua', 'origin']) {
      assert.equal(headers[name], undefined);
    }
    assertNothingLeft();
  });

  it(
    'follows links, also those to absolute paths and to other windows, but not to other sites',
    limit,
    async () => {
      world.routes.set(
        '/a/',
        page(`<a id="near" href="b?c#d">b</a> <a id="far" href="/far">far</a> <a id="new" href="/a/b" target="_blank">b</a>
        <a id="top" href="/far" target="_top">far</a> <a id="other" href="http://${world.decoy.address}/x">other</a>`),
      );
      world.routes.set('/a/b', page('<p>b'));
      world.routes.set('/far', page('<p>far'));
      const tab = await connected();
      for (const [id, path] of [
        ['near', '/a/b?c#d'],
        ['far', '/far'],
        ['new', '/a/b'],
        ['top', '/far'],
      ] as const) {
        const frame = await world.browse(tab, '/a/');
        await frame.click(`#${id}`);
        await until(frame, path);
      }
      const frame = await world.browse(tab, '/a/');
      await frame.click('#other');
      await frame.waitForSelector('text=That leads out of the mixnet');
      assert.ok((await frame.textContent('main'))?.includes(`http://${world.decoy.address}/x`));
      await frame.click('text=To the start page');
      await until(frame, '/');
      assert.equal(visitor.pages().length, 1);
      assertNothingLeft();
    },
  );

  it('sends forms of every kind, and follows the redirect that answers them', limit, async () => {
    const action = (where: string, more = '') =>
      `<form id="${where}" action="${where === 'far' ? '/send' : 'send'}" ${more}>
        <input name="q" value="ä b"><button>send</button></form>`;
    world.routes.set(
      '/f/',
      page(
        action('get') +
          action('far', 'method="post"') +
          action('file', 'method="post" enctype="multipart/form-data"').replace(
            '<button',
            '<input type="file" name="f"><button',
          ),
      ),
    );
    const bodies: string[] = [];
    const take = async (request: IncomingMessage, response: ServerResponse) => {
      const body = await text(request);
      const { 'content-length': length, 'content-type': type = '', origin = '' } = request.headers;
      bodies.push(body);
      assert.equal(Number(length ?? 0), Buffer.byteLength(body));
      assert.equal(origin, request.method === 'POST' ? 'http://upstream' : '');
      response.writeHead(303, { location: `/done?${type.split(';')[0] ?? ''}` }).end();
    };
    const route = (request: IncomingMessage, response: ServerResponse) => void take(request, response);
    world.routes.set('/f/send', route);
    world.routes.set('/send', route);
    world.routes.set('/done', page('<p>thanks'));
    const tab = await connected();

    let frame = await world.browse(tab, '/f/');
    await frame.click('#get button');
    await until(frame, '/done?');
    assert.ok(paths().includes('GET /f/send?q=%C3%A4+b'));
    frame = await world.browse(tab, '/f/');
    await frame.click('#far button');
    await until(frame, '/done?application/x-www-form-urlencoded');
    assert.equal(bodies.at(-1), 'q=%C3%A4+b');
    frame = await world.browse(tab, '/f/');
    await frame.setInputFiles('#file input[type=file]', {
      name: 'hello.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('hello from a file'),
    });
    await frame.click('#file button');
    await until(frame, '/done?multipart/form-data');
    assert.match(bodies.at(-1) ?? '', /filename="hello\.txt"[^]*hello from a file/);
    // By a script, which no event tells of.
    frame = await world.browse(tab, '/f/');
    await frame.evaluate(() => document.querySelector<HTMLFormElement>('#far')?.submit());
    await until(frame, '/done?application/x-www-form-urlencoded');
    assertNothingLeft();
  });

  it('carries what scripts fetch: methods, statuses, redirects, conditions, aborts', limit, async () => {
    world.routes.set('/', page('<p>home'));
    world.routes.set('/echo', (request, response) => {
      void buffer(request).then((body) => response.setHeader('x-method', request.method ?? '').end(body));
    });
    world.routes.set('/none', (_, response) => response.writeHead(204).end());
    world.routes.set('/same', (request, response) => {
      response.writeHead(request.headers['if-none-match'] === '"a"' ? 304 : 200, { etag: '"a"' }).end();
    });
    world.routes.set('/moved', (_, response) => response.writeHead(302, { location: '/new?place' }).end());
    world.routes.set('/away', (_, response) => {
      response.writeHead(302, { location: `http://${world.decoy.address}/` }).end('away');
    });
    world.routes.set('/new', file('text/plain', 'new'));
    let endless: ServerResponse | undefined;
    world.routes.set('/endless', (_, response) => {
      endless = response;
      response.write('begin');
    });
    const frame = await world.browse(await connected(), '/');
    const body = randomBytes(100_000).toString('hex');
    const seen = await frame.evaluate(async (body) => {
      const get = async (url: string, init: RequestInit = {}) => {
        const { status, url: at, redirected } = await fetch(url, init);
        return [status, new URL(at).pathname, redirected];
      };
      const echo = await fetch('echo', { method: 'PATCH', body });
      const long = await echo.text();
      const away = await fetch('away');
      const control = new AbortController();
      const endless = await fetch('/endless', { signal: control.signal });
      const reader = endless.body?.getReader();
      const begin = new TextDecoder().decode((await reader?.read())?.value);
      control.abort();
      const aborted = await reader?.read().then(
        () => 'read',
        (error: unknown) => (error as Error).name,
      );
      return {
        echo: [echo.status, echo.headers.get('x-method'), long === body],
        none: await get('none'),
        same: await get('same', { headers: { 'if-none-match': '"a"' } }),
        moved: await get('moved'),
        manual: (await fetch('moved', { redirect: 'manual' })).type,
        head: [(await fetch('new', { method: 'HEAD' })).headers.get('content-type')],
        missing: await get('/missing'),
        away: [away.status, await away.text()],
        begin,
        aborted,
      };
    }, body);
    assert.deepEqual(seen, {
      echo: [200, 'PATCH', true],
      none: [204, '/browse/none', false],
      same: [304, '/browse/same', false],
      moved: [200, '/browse/new', true],
      manual: 'opaqueredirect',
      head: ['text/plain'],
      missing: [404, '/missing', false],
      away: [403, seen.away[1]],
      begin: 'begin',
      aborted: 'AbortError',
    });
    assert.match(String(seen.away[1]), /leads out of the mixnet/);
    assert.ok(endless);
    if (!endless.closed) await once(endless, 'close');
    assertNothingLeft();
  });

  it('serves ranges, to scripts and to media that seek', limit, async () => {
    const sound = wav();
    world.routes.set('/', page('<audio src="sound.wav" preload="metadata"></audio>'));
    world.routes.set('/sound.wav', ranged('audio/wav', sound));
    const frame = await world.browse(await connected(), '/');
    const parts = await frame.evaluate(async () => {
      const part = async (headers: HeadersInit) => {
        const response = await fetch('sound.wav', { headers });
        const { length } = new Uint8Array(await response.arrayBuffer());
        return [response.status, response.headers.get('content-range'), length];
      };
      return [
        await part({ range: 'bytes=8-11' }),
        await part({ range: 'bytes=8-11', 'if-range': '"one"' }),
        await part({ range: 'bytes=8-11', 'if-range': '"old"' }),
      ];
    });
    const range = `bytes 8-11/${sound.length}`;
    assert.deepEqual(parts, [
      [206, range, 4],
      [206, range, 4],
      [200, null, sound.length],
    ]);
    const at = await frame.evaluate(async () => {
      const [audio] = document.getElementsByTagName('audio');
      if (!audio) throw new Error('no audio');
      if (audio.readyState < 1) await new Promise((resolve) => (audio.onloadedmetadata = resolve));
      const seeked = new Promise((resolve) => (audio.onseeked = resolve));
      audio.currentTime = 55;
      await seeked;
      return [audio.duration, audio.currentTime];
    });
    assert.deepEqual(at, [60, 55]);
    assert.ok(world.asked.some(({ headers }) => /^bytes=[1-9]\d*-$/.test(headers.range ?? '')));
    assertNothingLeft();
  });

  it('passes events on as they come', limit, async () => {
    world.routes.set('/', page('<p>home'));
    let stream: ServerResponse | undefined;
    world.routes.set('/events', (_, response) => {
      stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
      stream.write('data: 1\n\n');
    });
    const frame = await world.browse(await connected(), '/');
    await frame.evaluate(() => {
      const source = new EventSource('events');
      const got: string[] = [];
      source.onmessage = ({ data }: MessageEvent<string>) => got.push(data);
      Object.assign(window, { got, source });
    });
    await frame.waitForFunction('got.length === 1');
    stream?.write('data: 2\n\n');
    await frame.waitForFunction('got.length === 2');
    await frame.evaluate('source.close()');
    assert.ok(stream);
    if (!stream.closed) await once(stream, 'close');
    assertNothingLeft();
  });

  it('saves what is to be saved, byte for byte', limit, async () => {
    const bytes = randomBytes(300_000);
    world.routes.set(
      '/',
      page(
        '<a id="told" href="told">told</a> <a id="wanted" href="/any.html?a" download="wanted.bin">wanted</a>',
      ),
    );
    world.routes.set(
      '/told',
      file('text/html', bytes, { 'content-disposition': 'attachment; filename="told.bin"' }),
    );
    world.routes.set('/any.html', file('text/html', bytes));
    const tab = await connected();
    const frame = await world.browse(tab, '/');
    for (const id of ['told', 'wanted']) {
      const [download] = await Promise.all([tab.waitForEvent('download'), frame.click(`#${id}`)]);
      assert.equal(download.suggestedFilename(), `${id}.bin`);
      assert.equal(sha256(await readFile(await download.path())), sha256(bytes));
    }
    assertNothingLeft();
  });

  it('loads twenty things at once', limit, async () => {
    world.routes.set('/', page(Array.from({ length: 20 }, (_, n) => `<img src="p.gif?${n}">`).join('')));
    world.routes.set('/p.gif', file('image/gif', PIXEL));
    const frame = await world.browse(await connected(), '/');
    assert.equal(await frame.evaluate('[...document.images].filter((i) => i.naturalWidth).length'), 20);
    assertNothingLeft();
  });

  it('goes on after the browser has stopped it', limit, async () => {
    world.routes.set('/', page('<p>home'));
    world.routes.set('/next', file('text/plain', 'still there'));
    const tab = await connected();
    const frame = await world.browse(tab, '/');
    const devtools = await visitor.newCDPSession(tab);
    await devtools.send('ServiceWorker.enable');
    for (let times = 0; times < 2; times += 1) {
      const stopped = new Promise<void>((resolve) => {
        devtools.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
          if (versions.some(({ runningStatus }) => runningStatus === 'stopped')) resolve();
        });
      });
      await devtools.send('ServiceWorker.stopAllWorkers');
      await stopped;
      assert.equal(await frame.evaluate(async () => (await fetch('next')).text()), 'still there');
    }
    assertNothingLeft();
  });

  it('says that no tab is connected, and shows the page by itself once one is', limit, async () => {
    world.routes.set('/', page('<p>home'));
    const app = await world.openApp(visitor);
    const tab = await visitor.newPage();
    const response = await tab.goto(world.url('/'));
    assert.equal(response?.status(), 503);
    await tab.waitForSelector('text=Not connected to the mixnet');
    assert.deepEqual(
      await tab.evaluate(async () => {
        const { status, headers } = await fetch('data');
        return [status, headers.get('content-type')];
      }),
      [503, 'text/plain; charset=utf-8'],
    );
    await world.connect(app);
    await tab.waitForSelector('text=home');
  });

  it('has a retry that needs no script', limit, async () => {
    world.routes.set('/a', page('<p>home'));
    const app = await world.openApp(visitor);
    const tab = await visitor.newPage();
    await tab.goto(world.url('/a?b'));
    await world.connect(app);
    await tab.click('text=Try again');
    await tab.waitForSelector('text=home');
    assert.equal(tab.url(), world.url('/a?b'));
  });

  it('goes on through another tab when the one that is connected closes', limit, async () => {
    world.routes.set('/', page('<p>home'));
    world.routes.set('/next', file('text/plain', 'next'));
    let first: ServerResponse | undefined;
    world.routes.set('/slow', (_, response) => {
      if (first) response.end('slow');
      else first = response;
    });
    const holder = await connected();
    const other = await world.openApp(visitor);
    await world.connect(other);
    const frame = await world.browse(other, '/');
    const slow = frame.evaluate(async () => (await fetch('slow')).text());
    while (!first) await frame.evaluate(async () => (await fetch('next')).text());
    await holder.close();
    assert.equal(await slow, 'slow');
  });

  it('says what is wrong with the server', limit, async () => {
    const server = await world.serve('127.0.0.1:9');
    try {
      const tab = await world.openApp(visitor);
      await world.connect(tab, server.nymAddress);
      const frame = await world.browse(tab, '/');
      await frame.waitForSelector('text=The server refused the connection');
    } finally {
      await server.close();
    }
  });
});
