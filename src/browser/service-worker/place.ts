import { OptionError } from '../../basics/options-check.js';
import { requestTarget } from '../../http/request-target.js';

/** Where the upstream's pages appear in the browser, and what they are called at the upstream. */
export interface Place {
  /** The app's origin, which the upstream's pages share. */
  readonly origin: string;
  /** Path of the upstream's root there; begins and ends with a slash. */
  readonly root: string;
  /** The upstream's own origin: the `Host` it is asked under. */
  readonly upstream: string;
}

/** Paths under the root that are answered here and never asked of the upstream. */
export const OWN_PATHS = '.nym-tcp-proxy/';

/**
 * @param scope URL of the service worker's scope.
 * @param baseUrl the upstream's; only its origin counts.
 * @throws {RangeError} if either cannot be used.
 */
export function placeOf(scope: string, baseUrl: string): Place {
  const { origin, pathname } = new URL(scope);
  if (pathname === '/' || !pathname.endsWith('/')) {
    throw new OptionError(
      `The service worker's scope is "${pathname}", and everything under it is answered by the upstream. Register it ` +
        "with a scope of its own that ends with a slash, such as { scope: '/browse/' }.",
    );
  }
  const base = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (base?.protocol !== 'http:') {
    throw new OptionError(
      `The baseUrl "${baseUrl}" cannot be used: it has to begin with http://, as the tunnel itself encrypts.`,
    );
  }
  return { origin, root: pathname, upstream: base.origin };
}

/**
 * What a URL of the app's origin means at the upstream. A page of the upstream that asks for a path outside the root
 * means the path at the upstream: it does not know that its root has moved.
 */
export function upstreamUrl(url: URL, place: Place): URL {
  const target = new URL(place.upstream);
  const inside = url.pathname.startsWith(place.root);
  // Assigned rather than resolved: a path of two slashes would be another host.
  target.pathname = inside ? url.pathname.slice(place.root.length - 1) : url.pathname;
  target.search = requestTarget(url).slice(url.pathname.length);
  return target;
}

/** Where a URL of the upstream's is in the browser; `undefined` if it is not one of the upstream's. */
export function placedUrl(url: URL, place: Place): string | undefined {
  if (url.origin !== place.upstream) return undefined;
  return `${place.origin}${place.root}${requestTarget(url).slice(1)}${url.hash}`;
}
