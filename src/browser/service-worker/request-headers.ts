import { connectionOptions, HOP_BY_HOP } from '../../http/hop-by-hop.js';
import { upstreamUrl, type Place } from './place.js';

/**
 * What a browser tells of itself and of the app, which is no business of the upstream's; and what the HTTP client
 * writes itself.
 */
const WITHHELD = new Set([
  ...HOP_BY_HOP,
  'accept-encoding',
  'content-length',
  'cookie',
  'device-memory',
  'downlink',
  'dpr',
  'ect',
  'expect',
  'host',
  'origin',
  'purpose',
  'referer',
  'rtt',
  'save-data',
  'upgrade-insecure-requests',
  'user-agent',
  'viewport-width',
  'width',
  'x-client-data',
]);

const WITHHELD_PREFIXES = ['sec-', 'service-worker', 'proxy-'];

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** The headers that the upstream gets for a request of the browser's. */
export function requestHeaders(
  request: Pick<Request, 'method' | 'headers' | 'referrer'>,
  place: Place,
): Headers {
  const named = connectionOptions(request.headers);
  const headers = new Headers();
  for (const [name, value] of request.headers) {
    if (WITHHELD.has(name) || named.includes(name)) continue;
    if (WITHHELD_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    headers.append(name, value);
  }
  const referrer = refererFor(request.referrer, place);
  if (referrer !== undefined) headers.set('referer', referrer);
  // Upstreams compare it with `Host` before they let anything be changed.
  if (!SAFE_METHODS.includes(request.method)) headers.set('origin', place.upstream);
  return headers;
}

/** The page that asks, under its name at the upstream; a page of the app's is not told of. */
function refererFor(referrer: string, place: Place): string | undefined {
  if (!URL.canParse(referrer)) return undefined;
  const url = new URL(referrer);
  if (url.origin !== place.origin || !url.pathname.startsWith(place.root)) return undefined;
  return upstreamUrl(url, place).href;
}
