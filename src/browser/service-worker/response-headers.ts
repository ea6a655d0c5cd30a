import { connectionOptions, HOP_BY_HOP } from '../../http/hop-by-hop.js';
import { informativeLinks } from './link-header.js';
import type { Place } from './place.js';
import { keptPolicies, ownPolicy } from './security-policy.js';

/**
 * What would have the browser ask somebody past the tunnel, or change something of the origin, which is the app's. A
 * `Refresh` leads anywhere. `X-Frame-Options` would keep the app from showing the page, which no other site can frame
 * anyway (see `frame-ancestors` in the policy). Cookies cannot be set by a service worker.
 */
const REMOVED = new Set([
  ...HOP_BY_HOP,
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'content-security-policy-report-only',
  'cross-origin-embedder-policy-report-only',
  'cross-origin-opener-policy-report-only',
  'critical-ch',
  'document-policy-report-only',
  'expect-ct',
  'integrity-policy-report-only',
  'location',
  'nel',
  'observe-browsing-topics',
  'permissions-policy-report-only',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-status',
  'public-key-pins',
  'public-key-pins-report-only',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'service-worker-navigation-preload',
  'set-cookie',
  'set-cookie2',
  'set-login',
  'sourcemap',
  'speculation-rules',
  'strict-transport-security',
  'use-as-dictionary',
  'x-frame-options',
  'x-sourcemap',
]);

const REMOVED_PREFIXES = ['attribution-reporting-', 'sec-', 'secure-session-'];

/**
 * The headers that the browser gets with an answer of the upstream's; `Location` is left to the caller.
 *
 * @param guardHash integrity metadata of the guard, which the upstream's own policies have to allow.
 */
export function responseHeaders(upstream: Headers, place: Place, guardHash: string): Headers {
  const named = connectionOptions(upstream);
  const headers = new Headers();
  for (const [name, value] of upstream) {
    if (REMOVED.has(name) || named.includes(name)) continue;
    if (REMOVED_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    headers.append(name, value);
  }
  // The HTTP client has decoded the body.
  if (headers.has('content-encoding')) {
    headers.delete('content-encoding');
    headers.delete('content-length');
  }
  const links = informativeLinks(headers.get('link') ?? '');
  headers.delete('link');
  if (links !== undefined) headers.set('link', links);

  // With every answer, since some that are no pages become workers.
  const policies = keptPolicies(headers.get('content-security-policy') ?? '', place, guardHash);
  headers.set('content-security-policy', ownPolicy(place));
  if (policies !== undefined) headers.append('content-security-policy', policies);
  headers.set('referrer-policy', 'same-origin');
  headers.set('x-dns-prefetch-control', 'off');
  return headers;
}
