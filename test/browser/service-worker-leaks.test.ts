import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import type { BrowserContext, Page } from 'playwright-core';

import { file, page, TunneledSite } from './tunneled-site.js';

/** The official client has been seen to hang (gateway.md section 10), and so have browsers. */
const limit = { timeout: 90_000 };

/** That nothing comes cannot be waited for; what does come without a guard comes well within this time. */
const LONG_ENOUGH_MS = 2_000;

/** Markup of a page that would ask `there`, another site. */
function markup(there: string): string[] {
  return [
    ...[
      'preconnect',
      'dns-prefetch',
      'prefetch',
      'preload',
      'modulepreload',
      'stylesheet',
      'icon',
      'manifest',
    ].map((rel) => `<link rel="${rel}" as="script" href="${there}/${rel}">`),
    `<script type="speculationrules">{"prefetch":[{"source":"list","urls":["${there}/rules"],"eagerness":"immediate"}]}</script>`,
    `<img src="${there}/img"><img srcset="${there}/srcset 1x"><video poster="${there}/poster" src="${there}/video"></video>`,
    `<audio><source src="${there}/audio"></audio><script src="${there}/script"></script>`,
    `<style>@import "${there}/import"; @font-face { font-family: f; src: url(${there}/font) } p { font-family: f; background: url(${there}/css) }</style><p>text`,
    `<iframe src="${there}/iframe"></iframe><object data="${there}/object"></object><embed src="${there}/embed">`,
    `<svg><image href="${there}/svg"/><use href="${there}/use#a"/></svg>`,
    `<iframe srcdoc="<img src='${there}/srcdoc'>"></iframe>`,
    `<iframe sandbox srcdoc="<img src='${there}/sandbox'>"></iframe>`,
    `<a id="ping" href="#" ping="${there}/ping">ping</a>`,
    `<form id="form" action="${there}/form" method="post"><input name="a"></form>`,
    `<a id="download" href="${there}/download" download>download</a>`,
    `<a id="blank" href="${there}/blank" target="_blank">blank</a>`,
  ];
}

/** What scripts of such a page would do. */
function scripts(there: string, own: string): string[] {
  const sockets = [there, own].map((url) => url.replace('http:', 'ws:'));
  return [
    `fetch('${there}/fetch', { mode: 'no-cors' })`,
    `fetch('${there}/keepalive', { mode: 'no-cors', keepalive: true, method: 'POST', body: 'x' })`,
    `navigator.sendBeacon('${there}/beacon', 'x')`,
    `const x = new XMLHttpRequest(); x.open('GET', '${there}/xhr'); x.send()`,
    `const x = new XMLHttpRequest(); x.open('GET', 'sync', false); x.send()`,
    `new EventSource('${there}/events')`,
    ...sockets.map((url) => `new WebSocket('${url}/socket')`),
    `new WebTransport('${there.replace('http:', 'https:')}/transport')`,
    `const p = new RTCPeerConnection({ iceServers: [{ urls: 'stun:${there.slice('http://'.length)}' }] });
      p.createDataChannel('x'); p.createOffer().then((o) => p.setLocalDescription(o))`,
    `if (!HTMLScriptElement.supports('speculationrules')) return; const s = document.createElement('script');
      s.type = 'speculationrules'; s.text = '{"prefetch":[{"urls":["${there}/made"],"eagerness":"immediate"}]}';
      document.head.append(s)`,
    `new Image().src = '${there}/new-image'`,
    `import('${there}/import.js')`,
    `new Worker('${there}/worker')`,
    `new Worker('worker.js')`,
    `new SharedWorker('/shared.js')`,
    `new Worker("data:text/javascript,fetch('${own}/from-data')")`,
    `new Worker(URL.createObjectURL(new Blob(["fetch('${there}/blob', { mode: 'no-cors' }); importScripts('${there}/i.js')"])))`,
    `navigator.serviceWorker.register('sw.js')`,
    `navigator.serviceWorker.register('/service-worker.js')`,
    `navigator.serviceWorker.getRegistrations().then((all) => all.forEach((one) => one.unregister()))`,
    `document.cookie = 'upstream=secret; path=/'`,
    `cookieStore.set('upstream', 'secret')`,
    `open('${there}/open')`,
    `document.getElementById('ping').click()`,
    `document.getElementById('form').submit()`,
    `document.getElementById('blank').click()`,
    `const f = document.createElement('form'); f.action = '/far-form'; f.method = 'post'; f.target = '_blank';
      document.body.append(f); f.submit()`,
    `const a = document.createElement('a'); a.href = '/detached'; a.download = 'x'; a.click()`,
  ];
}

/** What would lead the whole page away. */
function departures(there: string): [name: string, head: string][] {
  return [
    ['a script', `<script>location.href = '${there}/location'</script>`],
    ['a refresh', `<meta http-equiv="refresh" content="0; url=${there}/refresh">`],
    ['a form', `<form action="${there}/form"></form><script>document.forms[0].submit()</script>`],
    ['a download', `<a href="${there}/download" download>a</a><script>document.links[0].click()</script>`],
    ['another window', `<script>top.location = '${there}/top'</script>`],
    ['an early script', `<script>history.back(); location.replace('${there}/replace')</script>`],
  ];
}

describe('a page behind the service worker', { timeout: 1_200_000 }, () => {
  let world: TunneledSite;
  let visitor: BrowserContext;
  let there: string;

  before(
    async () => {
      world = await TunneledSite.start();
      there = `http://${world.decoy.address}`;
    },
    { timeout: 120_000 },
  );
  after(() => world[Symbol.asyncDispose](), { timeout: 60_000 });

  beforeEach(async () => {
    world.routes.clear();
    visitor = await world.visitor();
  }, limit);
  afterEach(() => visitor.close(), limit);

  const connected = () => world.connected(visitor);

  /** The app itself may ask the decoy, which shows that it would have told of anybody else. */
  async function assertNobodyAsked(app: Page): Promise<void> {
    await pause(LONG_ENOUGH_MS);
    await app.evaluate((url) => fetch(url), `${there}/seen`);
    assert.deepEqual(world.decoy.contacts, ['GET /seen HTTP/1.1']);
    const ownFile = /^GET \/(?:service-worker\.js|assets\/[^/]+)$/;
    assert.deepEqual(
      world.site.asked.filter((asked) => !ownFile.test(asked)),
      [],
    );
  }

  /** A page that tries everything, and then says so. */
  function harmful(): string {
    const tries = scripts(there, world.site.url.slice(0, -1)).map(
      (script) => `try { (() => { ${script} })() } catch (error) { console.log(error.message) }`,
    );
    return `<!doctype html>${markup(there).join('\n')}
      <script>addEventListener('unhandledrejection', (event) => event.preventDefault());
      addEventListener('load', () => { ${tries.join('\n')}; console.log('tried') });</script>`;
  }

  const hasTried = (tab: Page) => tab.waitForEvent('console', (message) => message.text() === 'tried');

  const harmfulHeaders = () => ({
    link: `<${there}>; rel=preconnect, <${there}/early>; rel=preload; as=script, <${there}/a.css>; rel=stylesheet`,
    refresh: `5; url=${there}/refresh`,
    'reporting-endpoints': `default="${there}/reports"`,
    'report-to': JSON.stringify({
      group: 'default',
      max_age: 60,
      endpoints: [{ url: `${there}/report-to` }],
    }),
    nel: JSON.stringify({ report_to: 'default', max_age: 60, success_fraction: 1 }),
    'content-security-policy': `img-src 'self'; report-uri ${there}/csp; report-to default`,
    'content-security-policy-report-only': `default-src 'none'; report-uri ${there}/csp-report`,
    'speculation-rules': `"${there}/rules.json"`,
    'set-cookie': 'upstream=secret',
    'clear-site-data': '"*"',
    'service-worker-allowed': '/',
  });

  it('reaches nobody but the upstream from the frame of the app', limit, async () => {
    world.routes.set('/', page(harmful(), harmfulHeaders()));
    const app = await connected();
    await Promise.all([hasTried(app), world.browse(app, '/').catch(() => undefined)]);
    await assertNobodyAsked(app);
    assert.deepEqual(await visitor.cookies(), []);
    assert.equal(
      await app.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length),
      1,
    );
  });

  it('reaches nobody but the upstream from a tab of its own', limit, async () => {
    world.routes.set('/', page(harmful(), harmfulHeaders()));
    const app = await connected();
    const tab = await visitor.newPage();
    await Promise.all([hasTried(tab), tab.goto(world.url('/')).catch(() => undefined)]);
    await assertNobodyAsked(app);
    assert.deepEqual(await visitor.cookies(), []);
  });

  it('is not led away', limit, async () => {
    const app = await connected();
    const ways = departures(there);
    for (const [name, head] of ways)
      world.routes.set(`/${name.replace(' ', '-')}`, page(`<!doctype html>${head}`));
    for (const path of world.routes.keys()) {
      const tab = await visitor.newPage();
      // Some are led to the page that says so before they have loaded.
      await tab.goto(world.url(path)).catch(() => undefined);
      await world.browse(app, path).catch(() => undefined);
    }
    await assertNobodyAsked(app);
    for (const tab of visitor.pages()) assert.ok(tab.url().startsWith(world.site.url), tab.url());
  });

  it('asks the app itself, at the most, out of frames that have no page of their own', limit, async () => {
    world.routes.set('/', page('<!doctype html><p>home'));
    const app = await connected();
    const frame = await world.browse(app, '/');
    await frame.evaluate(async (there) => {
      const made = document.createElement('iframe');
      document.body.append(made);
      const loads = ['/own.gif', `${there}/other.gif`].map((url) => {
        const image = new Image();
        image.src = url;
        made.contentDocument?.body.append(image);
        return new Promise((resolve) => image.addEventListener('error', resolve));
      });
      await Promise.all(loads);
    }, there);
    await pause(LONG_ENOUGH_MS);
    assert.deepEqual(world.decoy.contacts, []);
  });

  it('holds to the policy that came with it, and still has the guard', limit, async () => {
    const policies = [
      "default-src 'self'",
      "script-src 'none'",
      'sandbox',
      "script-src 'strict-dynamic' 'nonce-a'",
    ];
    const app = await connected();
    for (const policy of policies) {
      const inline = '<script>window.ran = true</script>';
      world.routes.set('/', page(`<!doctype html>${inline}<p>home`, { 'content-security-policy': policy }));
      const frame = await world.browse(app, '/');
      const seen = await frame.evaluate(() => [
        Reflect.get(window, 'ran') as unknown,
        'RTCPeerConnection' in window,
        origin,
      ]);
      assert.deepEqual(seen, [undefined, false, new URL(world.site.url).origin], policy);
    }
  });

  it('can have workers of its own making, which reach the upstream and nobody else', limit, async () => {
    world.routes.set('/', page('<!doctype html><p>home'));
    world.routes.set('/data', file('text/plain', 'from the upstream'));
    const app = await connected();
    const frame = await world.browse(app, '/');
    const got = await frame.evaluate(async () => {
      const url = `${location.origin}/browse/data`;
      const script = `fetch('${url}').then((r) => r.text()).then(postMessage)`;
      const worker = new Worker(URL.createObjectURL(new Blob([script])));
      return new Promise((resolve) => {
        worker.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
      });
    });
    assert.equal(got, 'from the upstream');
    await assertNobodyAsked(app);
  });
});
