import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { placedResponse } from '../../src/browser/service-worker/placed-response.js';
import { placedUrl, placeOf, upstreamUrl } from '../../src/browser/service-worker/place.js';
import { TunnelResponse } from '../../src/http/tunnel-response.js';

const place = placeOf('https://app.test/browse/', 'http://upstream/');

describe('the place of the upstream', () => {
  it('keeps a query that is empty, both ways', () => {
    for (const path of ['a?', '?', 'a?b', 'a']) {
      const url = upstreamUrl(new URL(`https://app.test/browse/${path}`), place);
      assert.equal(url.href, `http://upstream/${path}`);
      assert.equal(placedUrl(url, place), `https://app.test/browse/${path}`);
    }
  });
});

describe('an answer that no script can give', () => {
  const answer = (status: number, headers: Record<string, string> = {}) =>
    new TunnelResponse(null, {
      ...{ status, statusText: 'Request\x01 denied', redirected: false, url: new URL('http://upstream/a') },
      headers: new Headers(headers),
    });
  const placing = {
    ...{ place, url: new URL('http://upstream/a'), isNavigation: true, download: undefined, guardHash: 'x' },
    ended: () => undefined,
  };

  it('is given with the status that comes nearest', () => {
    const { status, statusText } = placedResponse(answer(999), placing);
    assert.deepEqual([status, statusText], [599, 'Request denied']);
  });

  it('redirects to a raw Location as browsers read it', () => {
    const { headers } = placedResponse(answer(302, { location: '/caf\xc3\xa9?\xc3\xa9' }), placing);
    assert.equal(headers.get('location'), 'https://app.test/browse/caf%C3%A9?%C3%A9');
  });
});
