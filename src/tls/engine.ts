import type { ByteStreams } from '../proxy/join.js';

/** Whom TLS is spoken with, and how. */
export interface TlsTarget {
  /** DNS name or IP address that the server's certificate must be for. A DNS name is told to the server (SNI). */
  readonly host: string;
  /** Application protocols to offer (ALPN), the best first; none for no offer. */
  readonly alpn: readonly string[];
}

/** What is agreed on. */
export interface TlsAgreement {
  /** `null` if the server chose none. */
  readonly alpn: string | null;
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  /** Whether a session of before was resumed, whose certificate was checked then. */
  readonly resumed: boolean;
}

/**
 * TLS with one server, the handshake done. Reads do not overlap, nor do writes. After any of them has rejected, the
 * transport is reset.
 */
export interface TlsSession extends TlsAgreement {
  /**
   * The next plaintext; `undefined` once the server has ended its side.
   *
   * @throws {TlsError} after all that came before it.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Settles when the transport has taken it. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our side; the server may go on. */
  end(): Promise<void>;
  /** Gives TLS and the transport up, whatever is under way. */
  abort(reason: unknown): void;
}

/** What speaks TLS: rustls in web pages, `node:tls` in Node. It remembers the sessions of the servers. */
export interface TlsEngine {
  /**
   * Speaks TLS over a transport, which is the session's from now on.
   *
   * @throws {TlsError} saying what was wrong with the server; the transport is reset then.
   * @throws what the transport failed with, or the signal's reason.
   */
  handshake(transport: ByteStreams, target: TlsTarget, signal: AbortSignal): Promise<TlsSession>;
}
