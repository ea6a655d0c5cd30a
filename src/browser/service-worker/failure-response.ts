import { FAILURES, type TunnelFailure } from './failure.js';
import { failurePage } from './failure-page.js';
import type { Place } from './place.js';

/** Begins the `Proxy-Status` header (RFC 9209) of every answer that is not the upstream's. */
export const PROXY_NAME = 'nym-tcp-proxy';

/** What the browser gets instead of the upstream's answer: a page where a page was wanted, a line of text elsewhere. */
export function failureResponse(
  failure: TunnelFailure,
  request: Pick<Request, 'method' | 'mode'>,
  place: Place,
): Response {
  const { status, error, title, text } = FAILURES[failure.kind];
  const common = { 'cache-control': 'no-store', 'proxy-status': `${PROXY_NAME}; error=${error}` };
  if (request.mode !== 'navigate') {
    const headers = { ...common, 'content-type': 'text/plain; charset=utf-8' };
    return new Response(`${title}. ${text}\n${failure.message}\n`, { status, headers });
  }
  const { html, policy } = failurePage(failure, request.method === 'GET', place);
  const headers = {
    ...common,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
    'x-dns-prefetch-control': 'off',
  };
  return new Response(html, { status, headers });
}
