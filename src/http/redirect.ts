import { TunnelFetchError } from './errors.js';
import type { FetchRequest } from './fetch-request.js';
import { tunnelUrl } from './normalize-request.js';

const REDIRECT_STATUS = [301, 302, 303, 307, 308];

/** They describe a body, and go with it. */
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-location', 'content-type'];

/** They are for the one they were written for. */
const ORIGIN_HEADERS = ['authorization', 'cookie'];

/**
 * Where a response redirects to, as it says; `null` if it does not. Bytes beyond ASCII, which may not be there but are,
 * are escaped one by one, as browsers do.
 */
export function redirectTarget({ status, headers }: Pick<Response, 'status' | 'headers'>): string | null {
  if (!REDIRECT_STATUS.includes(status)) return null;
  const location = headers.get('location') ?? null;
  return (
    location?.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`) ?? null
  );
}

/**
 * The request that follows a redirect, as the fetch standard forms it.
 *
 * @param origins that may be gone to. All sockets lead to one upstream, so any other is out of reach.
 * @throws {TunnelFetchError} `redirect`.
 */
export function redirectedRequest(
  request: FetchRequest,
  status: number,
  target: string,
  origins: readonly string[],
): FetchRequest {
  const url = targetUrl(request, target, origins);
  if (status !== 303 && request.body instanceof ReadableStream) {
    throw new TunnelFetchError(
      'redirect',
      `The upstream redirects to ${url.href}, but the request body is a stream, which cannot be sent again`,
    );
  }
  const headers = new Headers(request.headers);
  if (url.origin !== request.url.origin) for (const name of ORIGIN_HEADERS) headers.delete(name);
  if (!becomesGet(request.method, status)) return { ...request, url, headers };
  for (const name of BODY_HEADERS) headers.delete(name);
  return { ...request, url, headers, method: 'GET', body: undefined };
}

function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD';
  return (status === 301 || status === 302) && method === 'POST';
}

function targetUrl(request: FetchRequest, target: string, origins: readonly string[]): URL {
  const url = parsed(target, request.url);
  // A fragment stays unless there is a new one.
  if (url.hash === '') url.hash = request.url.hash;
  if (origins.includes(url.origin)) return url;
  throw new TunnelFetchError(
    'redirect',
    `The upstream redirects to ${url.href}, which the tunnel does not reach; it leads to ${origins.join(' and ')}`,
  );
}

function parsed(target: string, base: URL): URL {
  try {
    return tunnelUrl(target, base.href);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TunnelFetchError('redirect', `The upstream's redirect cannot be followed: ${why}`, {
      cause: error,
    });
  }
}
