import { isIP } from 'node:net';

import type { ClientHello } from './client-hello.js';
import { fieldValues, type RequestHead } from './request-head.js';

/**
 * Which requests of browsers may use the tunnel. Without anything here: those that somebody made by typing an address,
 * and those of the upstream's own pages.
 */
export interface WebPages {
  /** More host names under which the listener is known, besides `localhost` and its own addresses; `*` for any. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Origins whose pages may use the tunnel, as `http://localhost:3000`. */
  readonly allowOrigins?: readonly string[] | undefined;
}

/** Why a request was not let through. */
export interface Refusal {
  /** The status of the answer. */
  readonly status: 400 | 403 | 421 | 431;
  /** One line for the log and the answer: what was wrong and what to do. */
  readonly reason: string;
  /** Whether the connection speaks TLS, in which an answer in clear would not be understood. */
  readonly inTls?: boolean;
}

/** Protocols (ALPN) that web browsers speak inside of TLS. */
const WEB_PROTOCOLS = ['h2', 'http/1.1'];

/** A host and port, in a form that can be compared. */
interface Authority {
  readonly host: string;
  /** `undefined` for the default one. */
  readonly port: string | undefined;
}

/** Judges requests by what browsers tell of who made them, and under which name. */
export class PageRules {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  /** @throws {RangeError} if a host or origin is malformed. */
  constructor({ allowHosts = [], allowOrigins = [] }: WebPages) {
    this.#hosts = new Set(allowHosts.map(checkedHost));
    this.#origins = new Set(allowOrigins.map(checkedOrigin));
  }

  /** The same rules for a listener that is known under one more host. */
  with(host: string): PageRules {
    const named = isIP(host) === 6 ? `[${host}]` : host;
    return new PageRules({ allowHosts: [...this.#hosts, named], allowOrigins: [...this.#origins] });
  }

  /**
   * Why a request may not pass; `undefined` if it may.
   *
   * @param localAddress the IP address that it came to.
   */
  judge(head: RequestHead, localAddress?: string): Refusal | undefined {
    const hosts = fieldValues(head, 'host');
    const [hostField] = hosts;
    if (hosts.length > 1) return badRequest('it has more than one Host');
    // No browser sends such a request.
    if (hostField === undefined && head.version !== '1.0') return badRequest('it has no Host');
    const named = [...hosts, ...authorityOf(head.target)];
    for (const text of named) {
      const authority = parseAuthority(text);
      if (authority === undefined) return badRequest('its host is malformed');
      if (!this.#isOurs(authority.host, localAddress)) return foreignHost(text);
    }
    const own = hostField === undefined ? undefined : parseAuthority(hostField);
    const origins = fieldValues(head, 'origin');
    for (const origin of origins) {
      if (!this.#mayUse(origin, own))
        return { status: 403, reason: `A page of ${shown(origin)} ${NOT_ALLOWED}` };
    }
    return this.#judgeSite(head, origins);
  }

  /** Why a TLS connection may not pass; `undefined` if it may. Its requests cannot be read. */
  judgeTls({ serverName, protocols }: ClientHello, localAddress?: string): Refusal | undefined {
    if (serverName === undefined || !protocols.some((protocol) => WEB_PROTOCOLS.includes(protocol)))
      return undefined;
    return this.#isOurs(withoutDot(serverName), localAddress) ? undefined : foreignHost(serverName);
  }

  /** Browsers say who made a request, for those without an Origin too. */
  #judgeSite(head: RequestHead, origins: readonly string[]): Refusal | undefined {
    const sites = fieldValues(head, 'sec-fetch-site').filter(
      (site) => site !== 'same-origin' && site !== 'none',
    );
    if (sites.length === 0) return undefined;
    const makers = origins.length > 0 ? origins : fieldValues(head, 'referer').map(originOf);
    if (makers.length > 0 && makers.every((maker) => this.#origins.has(maker.toLowerCase())))
      return undefined;
    return {
      status: 403,
      reason:
        `Another site's page made this request (Sec-Fetch-Site: ${shown(sites.join(', '))}), ${WHY}. ` +
        'If you followed a link, type its address yourself. To let the pages of a site use the tunnel: --allow-origin.',
    };
  }

  #mayUse(origin: string, own: Authority | undefined): boolean {
    if (this.#origins.has(origin.toLowerCase())) return true;
    const [, text] = /^https?:\/\/(.+)$/i.exec(origin) ?? [];
    const authority = text === undefined ? undefined : parseAuthority(text);
    return (
      authority !== undefined &&
      own !== undefined &&
      authority.host === own.host &&
      authority.port === own.port
    );
  }

  #isOurs(host: string, localAddress: string | undefined): boolean {
    if (this.#hosts.has('*') || this.#hosts.has(host)) return true;
    if (host === 'localhost' || host.endsWith('.localhost')) return true;
    if (isIP(host) === 0) return false;
    return isLoopback(host) || host === plainAddress(localAddress ?? '');
  }
}

const WHY = 'and could link you to what you do through the tunnel';
const NOT_ALLOWED = `made this request, ${WHY}. To let it: --allow-origin.`;

function foreignHost(host: string): Refusal {
  return {
    status: 421,
    reason: `The tunnel is not known as ${shown(host)}. Use http://127.0.0.1 or localhost, or give --allow-host.`,
  };
}

function badRequest(what: string): Refusal {
  return { status: 400, reason: `The request cannot be checked: ${what}.` };
}

/** A value of somebody's request, for a line of text. */
function shown(text: string): string {
  const printable = text.replaceAll(/[^\x21-\x7e]/g, '?');
  return printable.length > 80 ? `${printable.slice(0, 80)}...` : printable;
}

/** The authority of a target that has one: `http://host/path`, and `host:port` of CONNECT. */
function authorityOf(target: string): readonly string[] {
  if (target.startsWith('/') || target === '*') return [];
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target) ?? [];
  return [authority ?? target];
}

/** Reads `host`, `host:port` or `[IPv6]:port`. */
function parseAuthority(text: string): Authority | undefined {
  const [, host6, host, port] = /^(?:\[([0-9a-f:.]+)\]|([^\s:@[\]/?#]+))(?::(\d{0,5}))?$/i.exec(text) ?? [];
  if (host6 !== undefined)
    return isIP(host6) === 6 ? { host: plainAddress(host6), port: plainPort(port) } : undefined;
  if (host === undefined) return undefined;
  return { host: withoutDot(host.toLowerCase()), port: plainPort(port) };
}

function plainPort(port: string | undefined): string | undefined {
  return port === '' || port === '80' || port === '443' ? undefined : port;
}

/** One way to write an IP address; an IPv4 address stays one when IPv6 carries it. */
function plainAddress(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (isIP(address) !== 6) return address;
  const { hostname } = new URL(`http://[${address}]/`);
  const [, high = '', low = ''] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === '') return hostname.slice(1, -1);
  const bits = parseInt(high, 16) * 0x1_0000 + parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'null';
}

function checkedHost(text: string): string {
  const authority = text === '*' ? { host: '*', port: undefined } : parseAuthority(text);
  if (authority === undefined || authority.port !== undefined)
    throw new RangeError(`"${text}" is not a host name; write it without scheme and port, as tunnel.example`);
  return authority.host;
}

function checkedOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text.toLowerCase()) return text.toLowerCase();
  // Of browsers' extensions, for one; their URLs have no origin by the standard.
  if (/^[a-z-]+-extension:\/\/[a-z0-9-]+$/i.test(text)) return text.toLowerCase();
  throw new RangeError(
    `"${text}" is not an origin; write it as scheme://host:port, as http://localhost:3000`,
  );
}
