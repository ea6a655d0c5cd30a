import { isUpstreamName } from '../wire/open-request.js';
import type { UpstreamConnection } from '../proxy/join.js';
import { connectTcp, parseTcpAddress, type TcpAddress } from './tcp.js';
import { parseTlsAddress, secureUpstream, type TlsAddress } from './tls-upstream.js';

/** A service that a server forwards to, in plain or over TLS. */
export type Upstream = TcpAddress | TlsAddress;

/**
 * Reads `host:port`, or `tls://host:port` with `?ca=file` and `?sni=name`.
 *
 * @throws {RangeError} saying what is wrong.
 */
export function parseUpstream(text: string): Upstream {
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
  const { host, port } = upstream;
  const connection = await connectTcp({ host, port }, signal, timeoutMs);
  return 'tls' in upstream ? secureUpstream(connection, upstream.tls, signal, timeoutMs) : connection;
}

/** The TCP services that a server forwards to, by name. */
export class Upstreams {
  readonly #named: ReadonlyMap<string, Upstream>;
  /** For sessions that ask for none by name. */
  readonly #byDefault: Upstream | undefined;

  /**
   * @param byDefault `host:port` or `tls://host:port`; without it an only named one is the default.
   * @param named the same by name.
   * @throws {RangeError} saying what is wrong.
   */
  constructor(byDefault: string | undefined, named: Readonly<Record<string, string>> = {}) {
    this.#named = new Map(
      Object.entries(named).map(([name, text]) => [checkedName(name), parseUpstream(text)]),
    );
    const [only, ...more] = this.#named.values();
    if (byDefault !== undefined) this.#byDefault = parseUpstream(byDefault);
    else this.#byDefault = more.length === 0 ? only : undefined;
    if (byDefault === undefined && only === undefined)
      throw new RangeError('there must be an upstream, as host:port');
  }

  /** The upstream of that name, or the default one; `undefined` if there is none. */
  find(name: string | undefined): Upstream | undefined {
    return name === undefined ? this.#byDefault : this.#named.get(name);
  }
}

function checkedName(name: string): string {
  if (isUpstreamName(name)) return name;
  throw new RangeError(
    `"${name}" cannot name an upstream; use up to 63 letters, digits, ".", "_" and "-", a letter or digit first`,
  );
}
