import { TunnelFetchError } from './errors.js';
import type { FetchRequest } from './fetch-request.js';
import { HOP_BY_HOP } from './hop-by-hop.js';
import { requestTarget } from './request-target.js';

/** They say where the request ends and what becomes of the connection, which is not the caller's to say. */
const OURS = [...HOP_BY_HOP, 'content-length', 'expect', 'host'];

/** Methods whose requests have a body by their nature, so that its absence is said. */
const WITH_BODY = ['POST', 'PUT'];

/** Every character is a byte, none ends the line. */
const FIELD_VALUE = /^[\t -~\x80-\xff]*$/;
const TARGET = /^\/[!-~]*$/;

/**
 * The head of a request. No header says who sends it: neither `User-Agent`, nor language, nor origin.
 *
 * @throws {TunnelFetchError} `request` if it holds what would break out of its line.
 */
export function requestHead(request: FetchRequest): Uint8Array {
  const { method, url } = request;
  const target = requestTarget(url);
  if (!TARGET.test(target)) throw new TunnelFetchError('request', `"${target}" cannot be requested`);
  const lines = [`${method} ${target} HTTP/1.1`, `host: ${url.host}`];
  for (const [name, value] of [...framing(request), ...defaults(request.headers), ...request.headers]) {
    if (!FIELD_VALUE.test(value)) {
      throw new TunnelFetchError(
        'request',
        `The value of the header "${name}" holds characters it may not hold`,
      );
    }
    lines.push(`${name}: ${value}`);
  }
  return Uint8Array.from(`${lines.join('\r\n')}\r\n\r\n`, (character) => character.charCodeAt(0));
}

/** The caller's headers without those that are not the caller's to set, which `fetch` drops silently too. */
export function allowedHeaders(headers: HeadersInit): Headers {
  const allowed = new Headers(headers);
  for (const name of OURS) allowed.delete(name);
  return allowed;
}

function framing({ method, body }: FetchRequest): [string, string][] {
  if (body instanceof Blob) return [['content-length', String(body.size)]];
  if (body !== undefined) return [['transfer-encoding', 'chunked']];
  return WITH_BODY.includes(method) ? [['content-length', '0']] : [];
}

function defaults(headers: Headers): [string, string][] {
  // A range of an encoded body could not be decoded.
  const codings = headers.has('range') ? 'identity' : 'gzip, deflate';
  const all: [string, string][] = [
    ['accept', '*/*'],
    ['accept-encoding', codings],
  ];
  return all.filter(([name]) => !headers.has(name));
}
