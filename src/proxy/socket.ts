import type { ByteStreams } from './join.js';

/** What is known of a socket once it is open. */
export interface SocketInfo {
  /** Nym address of the server behind which the upstream is. */
  readonly remoteAddress: string;
  /** The application protocol that was agreed on over TLS (ALPN), if one was. */
  readonly alpn?: string | undefined;
}

/**
 * One TCP connection of the upstream, reached through the mixnet, in the shape of the Sockets API that server runtimes
 * share (WinterTC). Two byte streams, independent of each other: closing `writable` half-closes, cancelling `readable`
 * or aborting `writable` resets the connection. Back-pressure goes all the way to the upstream.
 */
export interface TunnelSocket extends ByteStreams {
  /** The upstream's bytes, exactly and in order; a readable byte stream. Errors when the connection is reset. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes for the upstream. */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Resolves once a mixnet client carries the connection. Whether the upstream takes it shows later: a refused one
   * errors both streams. Rejects if no mixnet client can be had.
   */
  readonly opened: Promise<SocketInfo>;
  /** Resolves once both directions have ended and everything was delivered; rejects with the error of a reset. */
  readonly closed: Promise<void>;
  /** Gives the connection up, in both directions; what was written and not yet sent is lost. Returns {@link closed}. */
  close(reason?: unknown): Promise<void>;
}

/** How a socket is opened. */
export interface ConnectOptions {
  /**
   * The server's upstream: its name, or `host:port` if the server allows that. That of the client's options unless
   * given.
   */
  readonly upstream?: string | undefined;
  /** Gives the connection up, at any time. */
  readonly signal?: AbortSignal | undefined;
  /** Whether `writable` stays open when the upstream has ended its side; otherwise it is closed then. Default false. */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * - `off` (default): no TLS; the tunnel encrypts up to its server.
   * - `on`: TLS with the upstream itself, which must have a certificate for `sni`.
   * - `starttls`: in plain until `startTls()` is called.
   */
  readonly secureTransport?: 'off' | 'on' | 'starttls' | undefined;
  /** Host name or IP address that the upstream's certificate must be for; a name is told to the upstream. Needed for TLS. */
  readonly sni?: string | undefined;
  /** Application protocols to offer with TLS (ALPN), the best first; which one was chosen is in `opened`. */
  readonly alpn?: readonly string[] | undefined;
}

/** Opens a connection to the upstream. Never throws: what goes wrong shows at the socket. */
export type Connect = (options?: ConnectOptions) => TunnelSocket;
