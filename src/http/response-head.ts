import { badResponse } from './errors.js';

/** The head of a response. */
export interface ResponseHead {
  /** 200 to 599. */
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** How long the connection may stay idle after this response, in ms; 0 if it ends with it. */
  readonly keepAliveMs: number;
}

/** A server that keeps connections for N seconds may close them a little before those have passed here. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/** Header fields as names and values by turns. */
type RawHeaders = readonly string[];

/**
 * Makes the headers, once they leave no doubt about where the response ends.
 *
 * @throws {TunnelFetchError} `response`.
 */
export function responseHeaders(raw: RawHeaders, versionMinor: number): Headers {
  const lengths = valuesOf(raw, 'content-length');
  const codings = valuesOf(raw, 'transfer-encoding');
  if (lengths.length > 1) throw badResponse('it has several Content-Length headers');
  if (lengths.length > 0 && codings.length > 0) {
    throw badResponse('it has both Content-Length and Transfer-Encoding');
  }
  if (lengths.some((length) => !/^\d{1,15}$/.test(length)))
    throw badResponse('its Content-Length is no number');
  if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked')) {
    throw badResponse('its Transfer-Encoding is not "chunked"');
  }
  if (codings.length > 0 && versionMinor === 0) throw badResponse('Transfer-Encoding is unknown to HTTP/1.0');
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] ?? '', raw[i + 1] ?? '');
  return headers;
}

/** How long the server says that it keeps the connection, in ms, less a margin; `Infinity` if it does not say. */
export function keepAliveHint(headers: Headers): number {
  const seconds = /(?:^|[\s,])timeout=(\d{1,9})/i.exec(headers.get('keep-alive') ?? '')?.[1];
  return seconds === undefined ? Infinity : Math.max(0, Number(seconds) * 1000 - KEEP_ALIVE_MARGIN_MS);
}

function valuesOf(raw: RawHeaders, name: string): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name);
}
