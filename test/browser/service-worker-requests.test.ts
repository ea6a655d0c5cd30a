import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { placedUrl, placeOf, upstreamUrl } from '../../src/browser/service-worker/place.js';
import { requestHeaders } from '../../src/browser/service-worker/request-headers.js';
import { routeOf } from '../../src/browser/service-worker/route.js';

const APP = 'http://127.0.0.1:8071';
const place = placeOf(`${APP}/browse/`, 'http://upstream/');

const route = (url: string, cache: RequestCache = 'default') =>
  routeOf({ url, cache, mode: 'no-cors' }, place);

describe('where the upstream is in the browser', () => {
  const cases: [seen: string, meant: string][] = [
    ['/browse/', '/'],
    ['/browse/a/b?c', '/a/b?c'],
    ['/browse/a/b?c#d', '/a/b?c'],
    ['/browse/browse/a', '/browse/a'],
    ['/style.css', '/style.css'],
    ['/browsers', '/browsers'],
    ['/browse//other.example/a', '//other.example/a'],
    ['//other.example/a'.slice(1), '/other.example/a'],
  ];
  for (const [seen, meant] of cases) {
    it(`takes ${seen} for ${meant}`, () => {
      assert.equal(upstreamUrl(new URL(APP + seen), place).href, `http://upstream${meant}`);
    });
  }

  it('never leaves the upstream, whatever the path, and finds its way back', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (any) => {
        const { pathname, search, hash } = new URL(any);
        const meant = new URL(upstreamUrl(new URL(`${APP}/browse${pathname}${search}`), place));
        assert.equal(meant.origin, 'http://upstream');
        assert.equal(
          placedUrl(new URL(meant.href + hash), place),
          `${APP}/browse${pathname}${search}${hash}`,
        );
      }),
    );
  });

  it('has no place for what is not the upstream', () => {
    for (const url of ['http://other/', 'https://upstream/', 'http://upstream:81/', 'data:,x']) {
      assert.equal(placedUrl(new URL(url), place), undefined);
    }
  });

  it('refuses a scope that holds the app as well, and one that is no directory', () => {
    for (const scope of [`${APP}/`, `${APP}/browse`]) {
      assert.throws(() => placeOf(scope, 'http://upstream/'), /scope of its own that ends with a slash/);
    }
  });

  it('refuses a baseUrl that the tunnel cannot carry', () => {
    for (const url of ['https://upstream/', 'upstream', '']) {
      assert.throws(() => placeOf(`${APP}/browse/`, url), { name: 'RangeError', message: /http:\/\// });
    }
  });
});

describe('the route of a request', () => {
  it('leads nowhere from the origin but to the upstream', () => {
    const origins = [
      'https://127.0.0.1:8071',
      'http://127.0.0.1',
      'http://localhost:8071',
      'http://upstream',
    ];
    for (const origin of origins) assert.deepEqual(route(`${origin}/browse/`), { to: 'nowhere' });
    const found = route(`${APP}/api?x`);
    assert.ok(found.to === 'upstream');
    assert.equal(found.url.href, 'http://upstream/api?x');
  });

  it('leads nowhere if the answer may only come from a cache', () => {
    assert.deepEqual(route(`${APP}/browse/`, 'only-if-cached'), { to: 'nowhere' });
  });

  it('has paths of its own, which the upstream never hears of', () => {
    const own = `${APP}/browse/.nym-tcp-proxy/`;
    assert.deepEqual(route(`${own}guard.js`), { to: 'guard' });
    assert.deepEqual(route(`${own}outside?to=https%3A%2F%2Fother%2F`), {
      to: 'failure',
      kind: 'outside',
      detail: 'https://other/',
    });
    assert.deepEqual(route(`${own}download?to=%2Fa%3Fb&name=c`), {
      to: 'upstream',
      url: new URL('http://upstream/a?b'),
      download: 'c',
    });
    assert.equal(route(`${own}download?to=%2F%2Fother%2Fa`).to, 'failure');
    assert.deepEqual(route(`${own}download`).to, 'upstream');
    assert.deepEqual(route(`${own}else`), { to: 'nowhere' });
  });
});

describe('the headers of a request', () => {
  const sent = (headers: HeadersInit, method = 'GET', referrer = '') =>
    Object.fromEntries(requestHeaders({ method, referrer, headers: new Headers(headers) }, place));

  it('are those of the page, without what tells of the browser and of the app', () => {
    const headers = {
      accept: 'text/html',
      'accept-language': 'de',
      range: 'bytes=1-2',
      'if-none-match': '"a"',
      'content-type': 'text/plain',
      'x-own': 'b',
      authorization: 'c',
    };
    const withheld = {
      'user-agent': 'Mozilla/5.0',
      'sec-ch-ua': 'Chromium',
      'sec-fetch-site': 'same-origin',
      cookie: 'app=secret',
      host: '127.0.0.1',
      connection: 'x-hop',
      'x-hop': 'd',
      dpr: '2',
      'upgrade-insecure-requests': '1',
      origin: APP,
      referer: `${APP}/`,
    };
    assert.deepEqual(sent({ ...headers, ...withheld }), headers);
  });

  it("name the page that asks by the upstream's name for it, and no page of the app's", () => {
    assert.deepEqual(sent({}, 'GET', `${APP}/browse/a?b`), { referer: 'http://upstream/a?b' });
    for (const referrer of [`${APP}/`, `${APP}/app`, 'http://other/browse/', 'about:client', '']) {
      assert.deepEqual(sent({}, 'GET', referrer), {});
    }
  });

  it("come from the upstream's own origin, for all that it can tell", () => {
    assert.deepEqual(sent({ origin: APP }, 'POST'), { origin: 'http://upstream' });
    assert.deepEqual(sent({ origin: 'null' }, 'DELETE'), { origin: 'http://upstream' });
  });
});
