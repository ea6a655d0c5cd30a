import { OptionError } from '../basics/options-check.js';
import { isUpstreamName } from '../wire/open-request.js';
import type { UpstreamConnection } from '../proxy/join.js';
import { connectTcp, parseTcpAddress, parseUnixAddress, type TcpAddress, type UnixAddress } from './tcp.js';
import { parseTlsAddress, secureUpstream, type TlsAddress } from './tls-upstream.js';

/** A service that a server forwards to, in plain or over TLS. */
export type Upstream = TcpAddress | TlsAddress | UnixAddress;

/**
 * Reads `host:port`, `tls://host:port` with `?ca=file` and `?sni=name`, or `unix:` and a path.
 *
 * @throws {RangeError} saying what is wrong.
 */
export function parseUpstream(text: string): Upstream {
  if (text.startsWith('unix:')) return parseUnixAddress(text);
  return text.startsWith('tls:') ? parseTlsAddress(text) : parseTcpAddress(text);
}

/**
 * Connects to an upstream, and speaks TLS with it if it is such a one.
 *
 * @param timeoutMs how long each of both may take; 0 for as long as it takes.
 * @throws {SessionError} saying which of both failed.
 */
export async function connectUpstream(
  upstream: Upstream,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<UpstreamConnection> {
  if ('path' in upstream) return connectTcp(upstream, signal, timeoutMs);
  const { host, port } = upstream;
  const connection = await connectTcp({ host, port }, signal, timeoutMs);
  return 'tls' in upstream ? secureUpstream(connection, upstream.tls, signal, timeoutMs) : connection;
}

/** The TCP services that a server forwards to, by name or by an address that it allows. */
export class Upstreams {
  readonly #named: ReadonlyMap<string, Upstream>;
  /** For sessions that ask for none. */
  readonly #byDefault: Upstream | undefined;
  readonly #allowed: readonly Pattern[];

  /**
   * @param byDefault as {@link parseUpstream} reads it; without it an only named one is the default.
   * @param named the same by name.
   * @param allowed patterns of what clients may ask for as `host:port`.
   * @throws {OptionError} saying what is wrong.
   */
  constructor(
    byDefault: string | undefined,
    named: Readonly<Record<string, string>> = {},
    allowed: readonly string[] = [],
  ) {
    this.#named = new Map(
      Object.entries(named).map(([name, text]) => [checkedName(name), parseUpstream(text)]),
    );
    this.#allowed = allowed.map(parsePattern);
    const [only, ...more] = this.#named.values();
    if (byDefault !== undefined) this.#byDefault = parseUpstream(byDefault);
    else this.#byDefault = more.length === 0 ? only : undefined;
    if (byDefault === undefined && only === undefined && this.#allowed.length === 0)
      throw new OptionError('there must be an upstream, as host:port');
  }

  /** The upstream that was asked for, or the default one; `undefined` if there is none. */
  find(wanted: string | undefined): Upstream | undefined {
    if (wanted === undefined) return this.#byDefault;
    return this.#named.get(wanted) ?? this.#allowedTarget(wanted);
  }

  /** An address that is allowed; applications that name hosts name a port with an upstream's name, too. */
  #allowedTarget(wanted: string): Upstream | undefined {
    if (!wanted.includes(':')) return undefined;
    let address: TcpAddress;
    try {
      address = parseTcpAddress(wanted);
    } catch {
      return undefined;
    }
    if (this.#allowed.some((pattern) => matches(pattern, address))) return address;
    return this.#named.get(address.host);
  }
}

interface Pattern {
  /** In lower case; everything below it if it begins with a dot. */
  readonly host: string;
  /** Any unless given. */
  readonly port: number | undefined;
}

/**
 * Reads `host:port`, where the host may begin with `*.` and the port may be `*`.
 *
 * @throws {OptionError} if it is not that, or allows every host.
 */
function parsePattern(text: string): Pattern {
  const [, below = '', rest, port] = /^(\*)?(.+):(\*|\d{1,5})$/.exec(text) ?? [];
  const isWide = below !== '' && !/^\.[^.*]+(?:\.[^.*]+)*$/.test(rest ?? '');
  if (rest === undefined || port === undefined || rest.includes('*') || isWide) {
    throw new OptionError(
      `"${text}" cannot be allowed; write host:port, for example db.internal:5432, *.internal:443 or db.internal:*`,
    );
  }
  const { host } = parseTcpAddress(`${below === '' ? rest : rest.slice(1)}:${port === '*' ? 1 : port}`);
  const lower = host.toLowerCase();
  return { host: below === '' ? lower : `.${lower}`, port: port === '*' ? undefined : Number(port) };
}

function matches(pattern: Pattern, { host, port }: TcpAddress): boolean {
  const lower = host.toLowerCase();
  const isHost = pattern.host.startsWith('.') ? lower.endsWith(pattern.host) : lower === pattern.host;
  return isHost && (pattern.port === undefined || pattern.port === port);
}

function checkedName(name: string): string {
  if (isUpstreamName(name)) return name;
  throw new OptionError(
    `"${name}" cannot name an upstream; use up to 63 letters, digits, ".", "_" and "-", a letter or digit first`,
  );
}
