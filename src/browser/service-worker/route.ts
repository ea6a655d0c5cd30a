import type { FailureKind } from './failure.js';
import { OWN_PATHS, upstreamUrl, type Place } from './place.js';

/** What becomes of a request. */
export type Route =
  | {
      readonly to: 'upstream';
      readonly url: URL;
      /** The name to keep the answer under, if it is to be kept and not shown. */
      readonly download?: string;
    }
  | { readonly to: 'guard' }
  | { readonly to: 'failure'; readonly kind: FailureKind; readonly detail: string }
  /** It fails, as far as the page can tell, like one that finds no network. */
  | { readonly to: 'nowhere' };

/**
 * Where a request goes. Only clients under the scope, and what they made, have their requests come here; so whatever
 * is asked of the app's own origin is meant for the upstream, and nothing else may be asked.
 *
 * @param request of a page under the scope, or for one.
 */
export function routeOf(request: Pick<Request, 'url' | 'mode' | 'cache'>, place: Place): Route {
  const url = new URL(request.url);
  if (url.origin !== place.origin) return { to: 'nowhere' };
  // Nothing is ever kept.
  if (request.cache === 'only-if-cached') return { to: 'nowhere' };
  const own = place.root + OWN_PATHS;
  if (url.pathname.startsWith(own)) return ownRoute(url, url.pathname.slice(own.length), place);
  return { to: 'upstream', url: upstreamUrl(url, place) };
}

function ownRoute(url: URL, path: string, place: Place): Route {
  const target = url.searchParams.get('to') ?? '';
  if (path === 'guard.js') return { to: 'guard' };
  if (path === 'outside') return { to: 'failure', kind: 'outside', detail: target };
  if (path !== 'download' || !URL.canParse(target, url)) return { to: 'nowhere' };
  const wanted = new URL(target, url);
  if (wanted.origin !== place.origin) return { to: 'failure', kind: 'outside', detail: wanted.href };
  return {
    to: 'upstream',
    url: upstreamUrl(wanted, place),
    download: url.searchParams.get('name') ?? '',
  };
}
