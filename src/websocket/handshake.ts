/**
 * The opening handshake of RFC 6455 section 4, from the client's side.
 *
 * @module
 */
import { requestTarget } from '../http/request-target.js';
import type { ByteReader } from './byte-reader.js';
import { WebSocketError } from './errors.js';

const KEY_BYTES = 16;
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Longest answer that is read; Node's own limit for heads of HTTP. */
const MAX_HEAD_BYTES = 16 * 1024;

const STATUS_LINE = /^HTTP\/1\.1 (\d{3})(?: |$)/;
const HEADER_LINE = /^([\w!#$%&'*+\-.^`|~]+):[ \t]*([^\0\r\n]*?)[ \t]*$/;

/** The head of an answer. */
export interface ResponseHead {
  readonly status: number;
  /** Under names in lower case; several values of one name are joined with `, `. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What a client asked for. */
export interface Offer {
  /** Value of `Sec-WebSocket-Key`. */
  readonly key: string;
  readonly protocols: readonly string[];
}

/** A new `Sec-WebSocket-Key`. */
export function newKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

/**
 * The request for a `ws:` or `wss:` URL.
 *
 * Servers that guard against the pages of others want an `Origin`, some even if there is none. That of the page would
 * tell the server who embeds the tunnel; the server's own says as much as it needs.
 */
export function requestHead(url: URL, { key, protocols }: Offer): Uint8Array {
  const { host, protocol } = url;
  const lines = [
    `GET ${requestTarget(url)} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Origin: ${protocol === 'wss:' ? 'https' : 'http'}://${host}`,
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    ...(protocols.length > 0 ? [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`] : []),
  ];
  return new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n`);
}

/** @throws {WebSocketError} if that is no head of an HTTP response, or too long. */
export async function readResponseHead(bytes: ByteReader): Promise<ResponseHead> {
  const [statusLine = '', ...lines] = await readLines(bytes);
  const [, status] = STATUS_LINE.exec(statusLine) ?? [];
  if (status === undefined) throw new WebSocketError('the server answered in something else than HTTP/1.1');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw new WebSocketError('the server answered with a header that is none');
    }
    const before = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(status), headers };
}

/** Reads up to the empty line and no further, for behind it are frames. */
async function readLines(bytes: ByteReader): Promise<string[]> {
  let head = '';
  while (!head.endsWith('\r\n\r\n')) {
    if (head.length === MAX_HEAD_BYTES) throw new WebSocketError('the head of the answer is too long');
    const [byte] = (await bytes.exactly(1)) ?? [];
    if (byte === undefined) throw new WebSocketError('the server ended the connection before it answered');
    head += String.fromCharCode(byte);
  }
  return head.slice(0, -4).split('\r\n');
}

/**
 * Checks an answer; gives the protocol that the server chose, or an empty string.
 *
 * @throws {WebSocketError} if it does not open a WebSocket connection as it was asked for.
 */
export async function agreedProtocol({ status, headers }: ResponseHead, offer: Offer): Promise<string> {
  if (status !== 101) {
    throw new WebSocketError(`the server answered with status ${status} and opened no WebSocket connection`);
  }
  if (!tokens(headers.get('upgrade')).includes('websocket')) throw wrong('Upgrade');
  if (!tokens(headers.get('connection')).includes('upgrade')) throw wrong('Connection');
  if (headers.get('sec-websocket-accept') !== (await acceptFor(offer.key)))
    throw wrong('Sec-WebSocket-Accept');
  if (headers.has('sec-websocket-extensions')) {
    throw new WebSocketError('the server chose extensions, though none were offered');
  }
  const protocol = headers.get('sec-websocket-protocol');
  if (protocol === undefined && offer.protocols.length > 0) {
    throw new WebSocketError(`the server speaks none of the protocols ${offer.protocols.join(', ')}`);
  }
  if (protocol !== undefined && !offer.protocols.includes(protocol)) {
    throw new WebSocketError('the server chose a protocol that was not offered');
  }
  return protocol ?? '';
}

/** `Sec-WebSocket-Accept` for a key. */
export async function acceptFor(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(key + ACCEPT_SUFFIX));
  return base64(new Uint8Array(digest));
}

function wrong(header: string): WebSocketError {
  return new WebSocketError(`the server's answer has no ${header} header, or not the right one`);
}

function tokens(value = ''): string[] {
  return value.split(',').map((token) => token.trim().toLowerCase());
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
