import { OWN_PATHS, type Place } from './place.js';

/** Where the guard is loaded from. */
export function guardUrl(place: Place): string {
  return `${place.origin}${place.root}${OWN_PATHS}guard.js`;
}

/**
 * The script that runs first in every page of the upstream's. It keeps pages that mean no harm from doing what neither
 * the service worker nor the page's policy gets to stop:
 *
 * - WebRTC, which tells others the address of this machine;
 * - navigations and forms to other sites, or to a path outside the scope, which is one inside for the upstream; windows,
 *   which the policy forbids, become this one;
 * - downloads by link, which browsers fetch past the service worker, as they do with synchronous requests;
 * - speculation rules that scripts make, which have pages loaded in advance;
 * - cookies, which would be sent to the app's own server;
 * - the unregistration of the service worker.
 *
 * It is no wall against a page that means harm: that has the app's origin, and with it the app.
 */
export function guardScript(place: Place): string {
  return `(${GUARD})(${JSON.stringify({ root: place.root, own: place.root + OWN_PATHS })});\n`;
}

/** In the browser's language rather than TypeScript: a bundler could not be kept from calling its own functions here. */
const GUARD = `(paths) => {
  'use strict';
  const { root, own } = paths;
  const { origin } = location;
  const { getAttribute, hasAttribute, setAttribute } = Element.prototype;
  const isWeb = (url) => url.protocol === 'http:' || url.protocol === 'https:';
  const isInside = (url) => url.origin === origin && url.pathname.startsWith(root);
  // Also a query that is empty, which url.search does not tell of.
  const target = (url) => url.href.split('#', 1)[0].slice(url.href.indexOf('/', url.href.indexOf('//') + 2));
  const placed = (url) => {
    if (!isWeb(url) || isInside(url)) return url.href;
    if (url.origin === origin) return origin + root + target(url).slice(1) + url.hash;
    return origin + own + 'outside?to=' + encodeURIComponent(url.href);
  };
  const saved = (url, name) =>
    origin + own + 'download?to=' + encodeURIComponent(target(url)) + '&name=' + encodeURIComponent(name);

  for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'CookieStore']) delete globalThis[name];
  delete globalThis.cookieStore;
  delete Navigator.prototype.serviceWorker;
  Object.defineProperty(Document.prototype, 'cookie', { configurable: true, get: () => '', set: () => {} });

  // Who may not know of speculation rules does not set any.
  const { supports } = HTMLScriptElement;
  HTMLScriptElement.supports = (type) => type !== 'speculationrules' && supports.call(HTMLScriptElement, type);

  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, async = true, ...others) {
    if (!async) throw new DOMException('Synchronous requests do not go through the tunnel.', 'InvalidAccessError');
    return open.call(this, method, url, true, ...others);
  };

  globalThis.navigation?.addEventListener('navigate', (event) => {
    const { destination, downloadRequest } = event;
    const url = new URL(destination.url);
    if (destination.sameDocument || !event.cancelable || !isWeb(url)) return;
    const keep = typeof downloadRequest === 'string' && url.origin === origin;
    const place = keep ? saved(url, downloadRequest) : placed(url);
    if (place === url.href) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    setTimeout(() => (event.navigationType === 'replace' ? location.replace(place) : location.assign(place)));
  });

  const isOutermost = () => {
    try {
      return parent === self || !isInside(new URL(parent.location.href));
    } catch {
      return true;
    }
  };
  const otherWindows = isOutermost() ? ['_blank', '_top', '_parent'] : ['_blank'];
  const stay = (element, attribute) => {
    const target = getAttribute.call(element, attribute) ?? document.querySelector('base')?.target ?? '';
    if (otherWindows.includes(target.toLowerCase())) setAttribute.call(element, attribute, '_self');
  };
  addEventListener(
    'click',
    (event) => {
      for (const element of event.composedPath()) {
        if (element instanceof HTMLAnchorElement || element instanceof HTMLAreaElement) stay(element, 'target');
      }
    },
    true,
  );

  const redirect = (element, attribute) => {
    if (!element || !hasAttribute.call(element, attribute)) return;
    const action = getAttribute.call(element, attribute);
    if (action === '' || !URL.canParse(action, document.baseURI)) return;
    const url = new URL(action, document.baseURI);
    if (placed(url) !== url.href && url.origin === origin) setAttribute.call(element, attribute, placed(url));
  };
  const settle = (form, submitter) => {
    redirect(form, 'action');
    redirect(submitter, 'formaction');
    stay(form, 'target');
    if (submitter && hasAttribute.call(submitter, 'formtarget')) stay(submitter, 'formtarget');
  };
  addEventListener('submit', (event) => settle(event.target, event.submitter), true);
  const { submit } = HTMLFormElement.prototype;
  HTMLFormElement.prototype.submit = function () {
    settle(this);
    submit.call(this);
  };
}`;

/** Integrity metadata of a script, such as `sha256-…`. */
export async function integrityOf(script: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}`;
}
