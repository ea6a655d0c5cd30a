import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HttpClient, TunnelFetchError } from '../../src/http/index.js';
import { rejectsWith } from './failures.js';
import { httpUpstream } from './upstream.js';

const connect = () => assert.fail('no socket may be opened');

describe('the URL of a fetch', { timeout: 60_000 }, () => {
  it('resolves against the base URL', async () => {
    await using upstream = await httpUpstream(
      ({ headers, url }, response) => response.end(`${headers.host}${url}`),
      {
        baseUrl: 'http://site.test/dir/page',
      },
    );
    const fetched = async (input: string | URL) => (await upstream.client.fetch(input)).text();
    assert.equal(await fetched('other?q=1'), 'site.test/dir/other?q=1');
    assert.equal(await fetched('/root'), 'site.test/root');
    assert.equal(await fetched('//else.test/x'), 'else.test/x');
    assert.equal(await fetched(new URL('http://else.test/')), 'else.test/');
  });

  const refused: [string, RegExp][] = [
    ['ftp://site.test/', /only http: and https: URLs/],
    ['data:text/plain,x', /only http: and https: URLs/],
    ['http://user:secret@site.test/', /credentials.*Authorization/],
    ['http://', /not a valid URL/],
  ];
  for (const [url, why] of refused) {
    it(`is refused when it is ${url}`, async () => {
      await rejectsWith(new HttpClient({ connect }).fetch(url), 'url', why);
    });
  }
});

describe('a client', { timeout: 60_000 }, () => {
  it('is not made for a base URL that it cannot reach', () => {
    assert.throws(() => new HttpClient({ connect, baseUrl: 'ftp://site.test/' }), TunnelFetchError);
    assert.throws(() => new HttpClient({ connect, baseUrl: '/relative' }), TunnelFetchError);
  });

  for (const options of [
    { maxSockets: 0 },
    { maxSockets: 1.5 },
    { maxSockets: NaN },
    { idleMs: -1 },
    { idleMs: NaN },
  ]) {
    it(`is not made with ${JSON.stringify(options)}`, () => {
      assert.throws(() => new HttpClient({ connect, ...options }), RangeError);
    });
  }
});
