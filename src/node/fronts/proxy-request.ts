/**
 * What applications say to a proxy first: SOCKS5 (RFC 1928, with names, without passwords), HTTP CONNECT, and requests
 * for whole URLs (RFC 9112, 3.2.2).
 *
 * Each is told at once that its connection is open, so that what it sends goes along with the opening. An upstream that
 * cannot be reached, or is not allowed, shows as a reset.
 *
 * @module
 */
import { isUpstream, isUpstreamName } from '../../wire/open-request.js';
import type { ByteSource } from './byte-source.js';
import { endOfHead, parseRequestHead, RequestHeadError, type RequestHead } from './request-head.js';
import { isWord, openingOf, WORD_PAUSE_MS } from './request-guard.js';

/** Where an application wants to go. */
export interface ProxyTarget {
  readonly host: string;
  /** The upstream at the server. */
  readonly upstream: string;
}

/** What the beginning of a connection asks for; `refused`: it was answered, and is over. */
export type ProxyRequest = ProxyTarget | 'none' | 'refused';

const SOCKS_VERSION = 5;
const NO_AUTHENTICATION = 0;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** Codes of a SOCKS answer. */
const SUCCEEDED = 0;
const NOT_ALLOWED = 2;
const COMMAND_NOT_SUPPORTED = 7;
const ADDRESS_NOT_SUPPORTED = 8;

const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Reads what an application says to a proxy, and answers it. What comes behind it stays in the source; what says nothing
 * to a proxy does too.
 *
 * @param answer sends to the application.
 */
export async function readProxyRequest(
  source: ByteSource,
  answer: (bytes: Uint8Array) => Promise<void>,
): Promise<ProxyRequest> {
  if (source.held[0] === SOCKS_VERSION) return readSocks(source, answer);
  for (;;) {
    const opening = openingOf(source.held);
    const isHead = opening === 'http' && endOfHead(source.held) >= 0;
    if (isHead) return readHttp(source, answer);
    const mayBeHead = opening === 'http' || (opening === 'unclear' && source.held.length > 0);
    if (!mayBeHead || source.held.length > MAX_HEAD_BYTES) return 'none';
    const isOneWord = opening === 'unclear' && isWord(source.held);
    if (!(await (isOneWord ? source.moreWithin(WORD_PAUSE_MS) : source.more()))) return 'none';
  }
}

/**
 * The upstream at the server for what an application named: a host without a dot is an upstream's name, any other an
 * address that the server may allow.
 */
function upstreamOf(host: string, port: number): string | undefined {
  const plain = host.endsWith('.') ? host.slice(0, -1) : host;
  if (!/[.:]/.test(plain)) return isUpstreamName(plain) ? plain : undefined;
  const address = `${plain.includes(':') ? `[${plain}]` : plain}:${port}`;
  return isUpstream(address) ? address : undefined;
}

async function readSocks(
  source: ByteSource,
  answer: (bytes: Uint8Array) => Promise<void>,
): Promise<ProxyRequest> {
  const [, count] = (await source.take(2)) ?? [];
  const methods = count === undefined ? undefined : await source.take(count);
  if (methods === undefined) return 'refused';
  const takesNone = methods.includes(NO_AUTHENTICATION);
  await answer(Uint8Array.of(SOCKS_VERSION, takesNone ? NO_AUTHENTICATION : 0xff));
  if (!takesNone) return 'refused';
  const [version, command, , type] = (await source.take(4)) ?? [];
  const host = await readSocksHost(source, type);
  const port = await source.take(2);
  if (version !== SOCKS_VERSION || port === undefined) return 'refused';
  const upstream = host === undefined ? undefined : upstreamOf(host, port.readUInt16BE());
  const code = socksCode(command, host, upstream);
  await answer(Uint8Array.of(SOCKS_VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0));
  return host !== undefined && upstream !== undefined && code === SUCCEEDED ? { host, upstream } : 'refused';
}

function socksCode(
  command: number | undefined,
  host: string | undefined,
  upstream: string | undefined,
): number {
  if (command !== CONNECT) return COMMAND_NOT_SUPPORTED;
  if (host === undefined) return ADDRESS_NOT_SUPPORTED;
  return upstream === undefined ? NOT_ALLOWED : SUCCEEDED;
}

async function readSocksHost(source: ByteSource, type: number | undefined): Promise<string | undefined> {
  if (type === IPV4) return (await source.take(4))?.join('.');
  if (type === IPV6) {
    const groups = (await source.take(16))?.toString('hex').match(/.{4}/g);
    return groups?.join(':');
  }
  if (type !== NAME) return undefined;
  const [length] = (await source.take(1)) ?? [];
  return length === undefined ? undefined : (await source.take(length))?.toString('latin1');
}

async function readHttp(
  source: ByteSource,
  answer: (bytes: Uint8Array) => Promise<void>,
): Promise<ProxyRequest> {
  const end = endOfHead(source.held);
  let head: RequestHead;
  try {
    head = parseRequestHead(source.held.subarray(0, end));
  } catch (error) {
    // Whoever looks at requests next says so.
    if (error instanceof RequestHeadError) return 'none';
    throw error;
  }
  const isConnect = head.method === 'CONNECT';
  const [, authority = '', path = ''] = (isConnect ? AUTHORITY : WHOLE_URL).exec(head.target) ?? [];
  if (authority === '') return 'none';
  const [, host6, plain = '', port = ''] =
    /^(?:\[(.+)\]|([^:]+))(?::(\d*))?$/.exec(authority.toLowerCase()) ?? [];
  const host = host6 ?? plain;
  const upstream = upstreamOf(host, port === '' ? 80 : Number(port));
  if (upstream === undefined) {
    const text = 'There is no upstream of this name: name one of those that the server has.\n';
    await answer(
      Buffer.from(
        `HTTP/1.1 404 Not Found\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
      ),
    );
    return 'refused';
  }
  await source.take(end);
  if (isConnect) await answer(Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'));
  else source.putBack(asOwnRequest(head, authority, path));
  return { host, upstream };
}

const AUTHORITY = /^([^/?#@]+:\d+)$/;
const WHOLE_URL = /^http:\/\/([^/?#@]+)([^#]*)/i;

/** The request as its own server gets it; the next one may be for another, and so has another connection. */
function asOwnRequest({ method, version, fields }: RequestHead, authority: string, path: string): Buffer {
  const forProxies = ['host', 'connection', 'proxy-connection', 'proxy-authorization', 'keep-alive'];
  const target = path.startsWith('/') ? path : `/${path}`;
  const lines = [
    `${method} ${target} HTTP/${version}`,
    `host: ${authority}`,
    ...fields.filter(([name]) => !forProxies.includes(name)).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
