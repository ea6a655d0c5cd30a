import { TunnelFetchError } from './errors.js';
import type { FetchRequest, RequestBody } from './fetch-request.js';
import { bodyOf } from './request-body.js';
import { allowedHeaders } from './request-head.js';

/**
 * Reads what `fetch` was given, by the platform's own `Request`, so with its rules for methods, bodies and headers.
 *
 * Headers are an exception: `Cookie`, `Origin` and the like, which browsers do not let their pages send, may be sent
 * here, as the upstream belongs to the application alone.
 *
 * @throws {TunnelFetchError} `url` or `request`.
 */
export async function normalizeRequest(
  input: RequestInfo | URL,
  init: RequestInit | undefined,
  baseUrl: string,
): Promise<FetchRequest> {
  const given = input instanceof Request ? input : undefined;
  const url = tunnelUrl(input instanceof Request ? input.url : input.toString(), baseUrl);
  try {
    const request = given !== undefined && init === undefined ? given : platformRequest(given ?? url, init);
    const { method, redirect } = request;
    const headers = allowedHeaders(init?.headers ?? given?.headers ?? []);
    const body = await requestBody(request, init);
    const type = request.headers.get('content-type');
    if (type !== null && body !== undefined) headers.set('content-type', type);
    return { method, url, headers, body, redirect };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TunnelFetchError('request', `The request is not valid: ${why}`, { cause: error });
  }
}

/**
 * Where a request goes.
 *
 * @throws {TunnelFetchError} `url` if the tunnel cannot carry it.
 */
export function tunnelUrl(text: string, baseUrl?: string): URL {
  const refuse = (why: string) => new TunnelFetchError('url', `"${text}" cannot be fetched: ${why}`);
  if (!URL.canParse(text, baseUrl)) throw refuse('it is not a valid URL');
  const url = new URL(text, baseUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refuse(`only http: and https: URLs go through the tunnel, not ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse('it holds credentials; send them in an Authorization header');
  }
  return url;
}

/** The platform's `Request`, of those options that have a meaning in the tunnel. */
function platformRequest(input: Request | URL, init: RequestInit = {}): Request {
  const { method, headers, redirect, body } = init;
  const streaming = body instanceof ReadableStream;
  const request = new Request(input, {
    ...(method !== undefined && { method }),
    ...(headers !== undefined && { headers }),
    ...(redirect !== undefined && { redirect }),
    // Not every platform takes a stream here.
    ...(!streaming && body !== undefined && { body }),
  });
  if (streaming && ['GET', 'HEAD'].includes(request.method)) {
    throw new TypeError(`${request.method} requests have no body`);
  }
  if (streaming && body.locked) throw new TypeError('its body is a stream that is being read elsewhere');
  return request;
}

async function requestBody(request: Request, init: RequestInit | undefined): Promise<RequestBody> {
  // A `Request` in the place of the options, as in `fetch(otherUrl, request)`.
  if (init instanceof Request) return bodyOf(init);
  if (init?.body instanceof ReadableStream) return init.body as ReadableStream<Uint8Array>;
  if (init?.body === undefined || init.body === null) return bodyOf(request);
  return request.blob();
}
