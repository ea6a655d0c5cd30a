import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

import type { UpstreamConnection } from '../proxy/join.js';
import { SessionError } from '../session/errors.js';
import { trustedRoots } from '../tls/certificates.js';
import type { TlsEngine, TlsSession, TlsTarget } from '../tls/engine.js';
import { tlsError, TlsError } from '../tls/errors.js';
import { SecureStreams } from '../tls/secure-streams.js';
import { tlsTarget } from '../tls/target.js';
import { parseTcpAddress, type TcpAddress } from './tcp.js';
import { NodeTlsEngine } from './tls.js';

/** An upstream that TLS is spoken with. */
export interface TlsAddress extends TcpAddress {
  readonly tls: { readonly target: TlsTarget; readonly engine: TlsEngine };
}

/** Where systems keep the roots they trust. */
const SYSTEM_ROOTS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Reads `tls://host:port`, with `?ca=file` for an authority of one's own instead of those that the system trusts, and
 * `?sni=name` if the certificate is for another name than the host.
 *
 * @throws {RangeError} saying what is wrong, also with the file.
 */
export function parseTlsAddress(text: string): TlsAddress {
  const [, where = '', query = ''] = /^tls:\/\/([^/?]*)\/?(?:\?(.*))?$/.exec(text) ?? [];
  const address = parseTcpAddress(where);
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!['ca', 'sni'].includes(name))
      throw new RangeError(`"${text}": there is no ?${name}; there are ?ca and ?sni`);
  }
  try {
    const target = tlsTarget(parameters.get('sni') ?? address.host);
    const ca = parameters.get('ca');
    const roots = ca === null ? systemRoots() : readFileSync(ca);
    return { ...address, tls: { target, engine: new NodeTlsEngine(trustedRoots({ roots })) } };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`"${text}" is no upstream for TLS: ${why}`, { cause });
  }
}

/** Whom the system trusts; Mozilla's roots, as Node has them, if it has none. */
function systemRoots(): Buffer | string {
  const file = [process.env['SSL_CERT_FILE'] ?? [], SYSTEM_ROOTS].flat().find((path) => existsSync(path));
  return file === undefined ? rootCertificates.join('\n') : readFileSync(file);
}

/**
 * Speaks TLS with an upstream over a connection to it.
 *
 * @param timeoutMs how long the handshake may take; 0 for as long as it takes.
 * @throws {SessionError} `unreachable` if the upstream is not trusted or speaks no TLS, `timeout` if it takes too long.
 * @throws the signal's reason if it aborts.
 */
export async function secureUpstream(
  connection: UpstreamConnection,
  { target, engine }: TlsAddress['tls'],
  signal: AbortSignal,
  timeoutMs: number,
): Promise<UpstreamConnection> {
  const gaveUp = new AbortController();
  const late = tlsError('timeout', { host: target.host });
  const timer = timeoutMs > 0 ? setTimeout(() => gaveUp.abort(late), timeoutMs) : undefined;
  const onAbort = () => gaveUp.abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return new SecureUpstream(connection, await engine.handshake(connection, target, gaveUp.signal));
  } catch (cause) {
    connection.reset();
    if (signal.aborted || !(cause instanceof TlsError)) throw cause;
    throw new SessionError(cause === late ? 'timeout' : 'unreachable', 'us', cause.message, { cause });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

class SecureUpstream implements UpstreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #connection: UpstreamConnection;
  readonly #streams: SecureStreams;
  #failure: SessionError | undefined;

  constructor(connection: UpstreamConnection, session: TlsSession) {
    this.#connection = connection;
    const broken = (cause: unknown): never => {
      this.#failure ??=
        cause instanceof TlsError
          ? new SessionError('upstream-reset', 'us', cause.message, { cause })
          : undefined;
      throw this.#failure ?? cause;
    };
    const told: TlsSession = {
      alpn: session.alpn,
      version: session.version,
      resumed: session.resumed,
      read: () => session.read().catch(broken),
      write: (bytes) => session.write(bytes).catch(broken),
      end: () => session.end().catch(broken),
      abort: (reason) => session.abort(reason),
    };
    this.#streams = new SecureStreams(Promise.resolve(told), { allowHalfOpen: true });
    ({ readable: this.readable, writable: this.writable } = this.#streams);
  }

  get failure(): SessionError | undefined {
    return this.#failure ?? this.#connection.failure;
  }

  fail(): Promise<void> {
    return this.#connection.fail();
  }

  reset(): void {
    this.#streams.fail(new SessionError('aborted', 'us'));
    this.#connection.reset();
  }
}
