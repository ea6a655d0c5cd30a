import { MAX_TIMER_MS, wholeNumberOf } from '../basics/options-check.js';
import { orAborted } from '../mixnet/or-aborted.js';
import type { Connect, ConnectOptions, SocketInfo, TunnelSocket } from '../proxy/socket.js';
import { SessionError } from '../session/errors.js';
import { trustedRoots, type TlsRoots, type TrustedRoots } from './certificates.js';
import type { TlsEngine, TlsSession } from './engine.js';
import { TlsError, tlsError } from './errors.js';
import { SecureStreams } from './secure-streams.js';
import { tlsTarget } from './target.js';

/** A connection of the application, in plain or over TLS. */
export interface ClientSocket extends TunnelSocket {
  /** Whether TLS is spoken, or may be by {@link startTls}. */
  readonly secureTransport: 'off' | 'on' | 'starttls';
  /** Whether this socket took its streams over to TLS, by {@link startTls}. */
  readonly upgraded: boolean;
  /**
   * Speaks TLS from here on, over a socket that was opened with `secureTransport: 'starttls'`, once the server has agreed
   * in plain. The streams of this socket must not be locked, and are of no use afterwards; those of the socket that is
   * returned are.
   *
   * @throws {TlsError} `options` if the socket was opened otherwise, has been upgraded, or is in use.
   */
  startTls(): ClientSocket;
}

/** How a client speaks TLS. */
export interface TlsOptions extends TlsRoots {
  /** How long a handshake may take once the connection is open; 60 000 by default. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** How {@link withTls} speaks TLS. */
export interface TlsConnectOptions {
  /** The engine, asked for when it is first needed. */
  readonly engine: () => Promise<TlsEngine>;
  /** How long a handshake may take once the connection is open, in ms. */
  readonly handshakeTimeoutMs: number;
}

/** Default of {@link TlsConnectOptions.handshakeTimeoutMs}: some twenty round trips through a slow mixnet. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 60_000;

/**
 * The same with an engine that starts when it is first needed.
 *
 * @throws {TlsError} `options` if a root is no certificate.
 * @throws {RangeError} if the time is out of its range.
 */
export function tlsConnectOptions(
  options: TlsOptions = {},
  start: (roots: TrustedRoots) => TlsEngine | Promise<TlsEngine>,
): TlsConnectOptions {
  const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  wholeNumberOf('handshakeTimeoutMs', handshakeTimeoutMs, { min: 1, max: MAX_TIMER_MS });
  const roots = trustedRoots(options);
  let engine: Promise<TlsEngine> | undefined;
  return {
    handshakeTimeoutMs,
    engine() {
      engine ??= Promise.resolve(start(roots)).catch((cause: unknown) => {
        engine = undefined;
        const text = `it cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`;
        throw tlsError('engine', { host: 'the upstream', text, cause });
      });
      return engine;
    },
  };
}

/** Opens connections that speak TLS where they are asked to, over those that `connect` opens. */
export function withTls(
  connect: Connect,
  tls: TlsConnectOptions,
): (options?: ConnectOptions) => ClientSocket {
  return (options = {}) => {
    const { secureTransport = 'off' } = options;
    if (secureTransport === 'off') return new PlainSocket(connect(options), options, tls);
    try {
      const known: readonly string[] = ['on', 'starttls'];
      if (!known.includes(secureTransport)) throw unknownTransport(secureTransport);
      tlsTarget(options.sni, options.alpn);
    } catch (error) {
      return new SecureSocket(failedSocket(error), options, tls);
    }
    if (secureTransport === 'starttls') return new PlainSocket(connect(options), options, tls);
    // Each side of TLS ends by itself, so below it each must be able to.
    return new SecureSocket(connect({ ...options, allowHalfOpen: true }), options, tls);
  };
}

class PlainSocket implements ClientSocket {
  readonly secureTransport: 'off' | 'starttls';
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<SocketInfo>;
  readonly closed: Promise<void>;
  upgraded = false;

  readonly #socket: TunnelSocket;
  readonly #options: ConnectOptions;
  readonly #tls: TlsConnectOptions;

  constructor(socket: TunnelSocket, options: ConnectOptions, tls: TlsConnectOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#tls = tls;
    this.secureTransport = options.secureTransport === 'starttls' ? 'starttls' : 'off';
    ({ readable: this.readable, writable: this.writable } = socket);
    ({ opened: this.opened, closed: this.closed } = socket);
  }

  close(reason?: unknown): Promise<void> {
    return this.#socket.close(reason);
  }

  startTls(): ClientSocket {
    if (this.secureTransport === 'off') {
      throw new TlsError(
        'options',
        "startTls() needs a socket that was opened with secureTransport: 'starttls'.",
      );
    }
    if (this.upgraded)
      throw new TlsError('options', 'This socket speaks TLS already; startTls() works once.');
    if (this.readable.locked || this.writable.locked) {
      throw new TlsError(
        'options',
        'startTls() needs the streams of the socket: release its reader and writer.',
      );
    }
    this.upgraded = true;
    return new SecureSocket(this.#socket, this.#options, this.#tls);
  }
}

class SecureSocket implements ClientSocket {
  readonly secureTransport = 'on';
  readonly upgraded = false;
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<SocketInfo>;
  readonly closed: Promise<void>;

  readonly #socket: TunnelSocket;
  readonly #streams: SecureStreams;
  readonly #control = new AbortController();
  #closedByUs: () => void = () => undefined;

  constructor(socket: TunnelSocket, options: ConnectOptions, tls: TlsConnectOptions) {
    const session = this.#handshake(socket, options, tls);
    this.#socket = socket;
    this.#streams = new SecureStreams(session, { allowHalfOpen: options.allowHalfOpen ?? false });
    ({ readable: this.readable, writable: this.writable } = this.#streams);
    this.opened = Promise.all([socket.opened, session]).then(([info, { alpn }]) => ({
      ...info,
      ...(alpn !== null && { alpn }),
    }));
    const byUs = new Promise<void>((resolve) => (this.#closedByUs = resolve));
    this.closed = Promise.race([byUs, this.#ended()]);
    for (const promise of [this.opened, this.closed]) promise.catch(() => undefined);
  }

  close(reason?: unknown): Promise<void> {
    // Who closes without a reason does not ask for what was lost.
    if (reason === undefined) this.#closedByUs();
    const error = reason ?? new SessionError('aborted', 'us');
    this.#control.abort(error);
    this.#streams.fail(error);
    this.#socket.close(reason).catch(() => undefined);
    return this.closed;
  }

  startTls(): never {
    throw new TlsError('options', 'This socket speaks TLS already.');
  }

  async #handshake(
    socket: TunnelSocket,
    { sni, alpn }: ConnectOptions,
    { engine, handshakeTimeoutMs }: TlsConnectOptions,
  ): Promise<TlsSession> {
    const { signal } = this.#control;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await socket.opened;
      const target = tlsTarget(sni, alpn);
      const late = () => this.#control.abort(tlsError('timeout', { host: target.host }));
      timer = setTimeout(late, handshakeTimeoutMs);
      const speaks = await orAborted(engine(), signal).catch((error: unknown) => {
        socket.close(error).catch(() => undefined);
        throw error;
      });
      // It may still have to send an alert, so from here on the socket is its to close.
      return await speaks.handshake(socket, target, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Settles with both TLS and what carries it. */
  async #ended(): Promise<void> {
    const { ended } = this.#streams;
    const { closed } = this.#socket;
    const broken = closed.catch((error: unknown) => {
      // A server that has ended TLS in peace may close before our own end gets there.
      if (!this.#streams.serverEnded) throw error;
    });
    await Promise.race([ended, broken.then(() => ended)]);
    await broken;
  }
}

/** For what cannot even be tried. */
function failedSocket(error: unknown): TunnelSocket {
  const failed = Promise.resolve().then(() => {
    throw error;
  });
  failed.catch(() => undefined);
  return {
    readable: new ReadableStream({ start: (controller) => controller.error(error) }),
    writable: new WritableStream({ start: (controller) => controller.error(error) }),
    opened: failed,
    closed: failed,
    close: () => failed,
  };
}

function unknownTransport(given: string): TlsError {
  return new TlsError('options', `secureTransport must be 'off', 'on' or 'starttls', not "${given}".`);
}
