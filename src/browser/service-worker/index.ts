/**
 * Everything under a service worker's scope, answered through the mixnet.
 *
 * ```js
 * import { serveTunnel } from 'nym-tcp-proxy/service-worker';
 * serveTunnel();
 * ```
 *
 * @module
 */
import { DEFAULT_BASE_URL, HttpClient } from '../../http/index.js';
import { useTunnel } from '../guest-tunnel.js';
import { tunnelAnswers } from './answers.js';
import type { HttpLine } from './http-line.js';
import { placeOf } from './place.js';
import { serviceWorkerScope } from './scope.js';

/** Options of {@link serveTunnel}. */
export interface ServeTunnelOptions {
  /** That of the identity under which a tab of the site connects; default `nym-tcp-proxy`. */
  readonly clientId?: string | undefined;
  /** Its host is what the upstream sees as `Host`; default `http://upstream/`. */
  readonly baseUrl?: string | undefined;
  /** How long the beginning of an answer is waited for, unless a long body has to be sent; default 120 000. */
  readonly responseTimeoutMs?: number | undefined;
}

const DEFAULT_RESPONSE_TIMEOUT_MS = 120_000;

/**
 * Answers everything under this service worker's scope through the tunnel that a tab of the site holds: with the scope
 * `/browse/`, `/browse/a?b` is `/a?b` at the upstream. To be called at the top level of the service worker's script.
 *
 * @throws {RangeError} if the scope is the whole site or does not end with a slash, or if the baseUrl is not `http:`.
 * @throws {TypeError} outside a service worker.
 */
export function serveTunnel(options: ServeTunnelOptions = {}): void {
  const { clientId, baseUrl = DEFAULT_BASE_URL, responseTimeoutMs = DEFAULT_RESPONSE_TIMEOUT_MS } = options;
  const scope = serviceWorkerScope();
  const place = placeOf(scope.registration.scope, baseUrl);
  const open = () => openLine(clientId, place.upstream);

  // The first page that is shown is to be served already.
  scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
  scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
  scope.addEventListener('fetch', tunnelAnswers({ place, open, responseTimeoutMs }));
}

async function openLine(clientId: string | undefined, baseUrl: string): Promise<HttpLine> {
  const { connect, lost } = await useTunnel({ clientId });
  const http = new HttpClient({ connect, baseUrl });
  const ended = lost.then(() => http.close());
  return { fetch: (url, init) => http.fetch(url, init), lost: ended };
}
