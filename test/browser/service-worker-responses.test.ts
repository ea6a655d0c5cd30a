import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { informativeLinks } from '../../src/browser/service-worker/link-header.js';
import { placeOf } from '../../src/browser/service-worker/place.js';
import { responseHeaders } from '../../src/browser/service-worker/response-headers.js';
import { keptPolicies, ownPolicy } from '../../src/browser/service-worker/security-policy.js';

const APP = 'http://127.0.0.1:8071';
const GUARD = `${APP}/browse/.nym-tcp-proxy/guard.js`;
const place = placeOf(`${APP}/browse/`, 'http://upstream/');

const given = (headers: HeadersInit) =>
  Object.fromEntries(responseHeaders(new Headers(headers), place, 'sha256-x'));

const ALWAYS = {
  'content-security-policy': ownPolicy(place),
  'referrer-policy': 'same-origin',
  'x-dns-prefetch-control': 'off',
};

describe('the headers of an answer', () => {
  it("are the upstream's, with the policy that keeps the page in", () => {
    const headers = { 'content-type': 'text/html', 'content-length': '3', etag: '"a"', 'x-own': 'b' };
    assert.deepEqual(given(headers), { ...ALWAYS, ...headers });
    assert.deepEqual(given({ 'referrer-policy': 'unsafe-url', 'x-dns-prefetch-control': 'on' }), ALWAYS);
  });

  it('no longer tell of an encoding that was undone', () => {
    assert.deepEqual(given({ 'content-encoding': 'gzip', 'content-length': '3' }), ALWAYS);
  });

  const harmful: Record<string, string> = {
    connection: 'keep-alive, x-hop',
    'x-hop': 'a',
    'keep-alive': 'timeout=5',
    'transfer-encoding': 'chunked',
    'clear-site-data': '"*"',
    'service-worker-allowed': '/',
    refresh: '0; url=http://other/',
    'report-to': '{}',
    nel: '{}',
    'reporting-endpoints': 'x="http://other/"',
    'content-security-policy-report-only': "default-src 'none'; report-uri http://other/",
    'strict-transport-security': 'max-age=1',
    'alt-svc': 'h3=":443"',
    'accept-ch': 'dpr',
    sourcemap: 'http://other/',
    'speculation-rules': '"/rules.json"',
    'set-login': 'logged-in',
    'set-cookie': 'a=b',
    'x-frame-options': 'DENY',
    location: 'http://other/',
    'proxy-status': 'nym-tcp-proxy; error=connection_refused',
    'secure-session-registration': '(ES256);path="/start"',
    'attribution-reporting-register-source': '{}',
    link: '<http://other>; rel=preconnect',
  };
  for (const [name, value] of Object.entries(harmful)) {
    it(`leave out ${name}`, () => {
      assert.deepEqual(given({ connection: 'keep-alive, x-hop', [name]: value }), ALWAYS);
    });
  }
});

describe('links in a header', () => {
  it('stay if they only inform', () => {
    const next = '<http://upstream/?page=2>; rel="next"; title="a, b"';
    assert.equal(informativeLinks(`<http://other>; rel=preconnect, ${next}`), next);
    assert.equal(informativeLinks(`${next}, </a.css>; as=style; rel="PRELOAD prefetch"`), next);
    assert.equal(informativeLinks('</a>; rel="next dns-prefetch"'), undefined);
    assert.equal(informativeLinks(''), undefined);
    assert.equal(informativeLinks('nonsense'), undefined);
  });
});

describe("the upstream's own policies", () => {
  const kept = (policy: string) => keptPolicies(policy, place, 'sha256-x');

  it('hold, but for what cannot be kept here', () => {
    assert.equal(kept("img-src 'self'; upgrade-insecure-requests"), "img-src 'self'");
    assert.equal(kept("frame-ancestors 'none', img-src a"), 'img-src a');
    assert.equal(kept("frame-ancestors 'none'"), undefined);
    assert.equal(kept(''), undefined);
  });

  it('let the guard run, and nothing else that they forbid', () => {
    assert.equal(kept("default-src 'self'"), `default-src 'self' ${GUARD}`);
    assert.equal(kept("script-src 'none'; default-src 'self'"), `script-src ${GUARD}; default-src 'self'`);
    assert.equal(
      kept("script-src 'nonce-a' 'strict-dynamic'"),
      "script-src 'nonce-a' 'strict-dynamic' 'sha256-x'",
    );
    assert.equal(kept('Script-Src-Elem a; script-src b'), `script-src-elem a ${GUARD}; script-src b`);
  });

  it('put no page into a sandbox where the service worker would not see it', () => {
    assert.equal(kept('sandbox allow-scripts; img-src a'), `img-src a; script-src ${GUARD}`);
    assert.equal(kept('sandbox; script-src a'), `script-src ${GUARD}`);
    assert.equal(kept('sandbox allow-same-origin'), 'sandbox allow-same-origin');
  });

  it('add to ours and take nothing from it', () => {
    const { 'content-security-policy': policy } = given({ 'content-security-policy': "img-src 'none'" });
    assert.equal(policy, `${ownPolicy(place)}, img-src 'none'`);
  });
});
