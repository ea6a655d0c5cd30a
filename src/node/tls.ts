import { isIP } from 'node:net';
import { Duplex } from 'node:stream';
import {
  checkServerIdentity,
  connect,
  rootCertificates,
  type PeerCertificate,
  type TLSSocket,
} from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';

import type { ByteStreams } from '../proxy/join.js';
import type { TrustedRoots } from '../tls/certificates.js';
import type { TlsEngine, TlsSession, TlsTarget } from '../tls/engine.js';
import { tlsError, type TlsError, type TlsErrorCode } from '../tls/errors.js';

/** What rustls in web pages has, so that a server is taken or refused everywhere alike. */
export const SAME_AS_RUSTLS = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  // Level 2 of OpenSSL refuses RSA keys below 2048 bits and SHA-1.
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_AES_128_GCM_SHA256',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-CHACHA20-POLY1305',
    '@SECLEVEL=2',
  ].join(':'),
  ecdhCurve: 'X25519:P-256:P-384',
  sigalgs: [
    'ecdsa_secp384r1_sha384',
    'ecdsa_secp256r1_sha256',
    'ed25519',
    ...['512', '384', '256'].flatMap((bits) => [`rsa_pss_rsae_sha${bits}`, `rsa_pkcs1_sha${bits}`]),
  ].join(':'),
} as const;

/** Sessions that are remembered: of so many servers, and so many of each, since each is used once. */
const MOST_SERVERS = 64;
const MOST_SESSIONS = 4;

/** TLS by `node:tls`. */
export class NodeTlsEngine implements TlsEngine {
  readonly #roots: string[];
  /** By host and application protocols, the server used last at the end. */
  readonly #sessions = new Map<string, Buffer[]>();

  constructor({ mozilla, others }: TrustedRoots) {
    this.#roots = [...(mozilla ? rootCertificates : []), ...others.map(pemOf)];
  }

  async handshake(transport: ByteStreams, target: TlsTarget, signal: AbortSignal): Promise<TlsSession> {
    const { host, alpn } = target;
    const key = JSON.stringify([host, alpn]);
    const carrier = new Carrier(transport);
    const session = this.#sessions.get(key)?.pop();
    const socket = connect({
      ...SAME_AS_RUSTLS,
      socket: carrier,
      ca: this.#roots,
      // Said, since the environment can change what it is otherwise.
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => nameError(host, certificate),
      ...(isIP(host) === 0 && { servername: host }),
      ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
      ...(session && { session }),
    });
    socket.on('session', (fresh) => this.#remember(key, fresh));
    const tls = new NodeTlsSession(socket, carrier, host);
    await tls.handshake(signal);
    // Those of TLS 1.3 are used once, so that nobody can link the connections; those of TLS 1.2 do not come anew.
    if (session && tls.resumed && tls.version === 'TLSv1.2') this.#remember(key, session);
    return tls;
  }

  #remember(key: string, session: Buffer): void {
    const known = this.#sessions.get(key) ?? [];
    this.#sessions.delete(key);
    this.#sessions.set(key, [...known, session].slice(-MOST_SESSIONS));
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MOST_SERVERS && oldest !== undefined) this.#sessions.delete(oldest);
  }
}

class NodeTlsSession implements TlsSession {
  alpn: string | null = null;
  version: TlsSession['version'] = 'TLSv1.3';
  resumed = false;

  readonly #socket: TLSSocket;
  readonly #carrier: Carrier;
  readonly #host: string;
  #secure = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: TLSSocket, carrier: Carrier, host: string) {
    this.#socket = socket;
    this.#carrier = carrier;
    this.#host = host;
    const wake = () => this.#wake();
    socket.on('error', (error: Error) => this.#fail(error));
    socket.on('secureConnect', () => {
      this.#secure = true;
      wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      wake();
    });
    for (const event of ['readable', 'drain', 'close'] as const) socket.on(event, wake);
    carrier.onEnd = wake;
    carrier.on('error', (error: Error) => this.#fail(error));
  }

  async handshake(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    try {
      while (!this.#secure) {
        this.#throwIfFailed();
        if (this.#carrier.ended && this.#carrier.readableLength === 0) {
          // What came last may be an alert, which OpenSSL reports by itself.
          await turn();
          await turn();
          this.#throwIfFailed();
          if (!this.#isSecure()) throw tlsError('truncated', { host: this.#host });
          break;
        }
        await this.#woken();
      }
      this.#throwIfFailed();
    } catch (error) {
      this.abort(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    this.alpn = this.#socket.alpnProtocol || null;
    this.version = this.#socket.getProtocol() === 'TLSv1.2' ? 'TLSv1.2' : 'TLSv1.3';
    this.resumed = this.#socket.isSessionReused();
  }

  async read(): Promise<Uint8Array | undefined> {
    let finding = false;
    for (;;) {
      const bytes = this.#socket.read() as Buffer | null;
      if (bytes !== null) return new Uint8Array(bytes);
      if (this.#ended) return undefined;
      this.#throwIfFailed();
      // OpenSSL takes the end of the transport for that of TLS, so it is kept from it: the end of TLS shows without it.
      if (!this.#carrier.ended) {
        await this.#woken();
        continue;
      }
      if (finding && this.#carrier.readableLength === 0) {
        const error = tlsError('truncated', { host: this.#host });
        this.abort(error);
        throw error;
      }
      await turn();
      finding = this.#carrier.readableLength === 0;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) reject(this.#failure?.error instanceof Error ? this.#failure.error : error);
        else resolve();
      });
    });
  }

  async end(): Promise<void> {
    this.#throwIfFailed();
    await new Promise<void>((resolve, reject) => {
      const onClose = () =>
        reject(this.#failure?.error instanceof Error ? this.#failure.error : new Error('closed'));
      this.#socket.once('close', onClose);
      this.#socket.end(() => {
        this.#socket.off('close', onClose);
        resolve();
      });
    });
  }

  abort(reason: unknown): void {
    this.#failure ??= { error: reason };
    this.#carrier.giveUp(reason);
    this.#socket.destroy();
    this.#wake();
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = { error: this.#carrier.failure?.error ?? errorOf(error, this.#host) };
    this.#wake();
  }

  #isSecure(): boolean {
    return this.#secure;
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** The transport as a Node stream for `node:tls`, which is not told of its end. */
class Carrier extends Duplex {
  /** The transport has ended. */
  ended = false;
  onEnd: () => void = () => undefined;
  /** What the transport failed with. */
  failure: { readonly error: unknown } | undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reason: unknown;

  constructor({ readable, writable }: ByteStreams) {
    super({ autoDestroy: false });
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    for (const promise of [this.#reader.closed, this.#writer.closed, this.#writer.ready]) {
      promise.catch(() => undefined);
    }
  }

  override _read(): void {
    if (this.ended) return;
    this.#reader.read().then(
      ({ value }) => {
        this.ended = value === undefined;
        if (value !== undefined) this.push(value);
        else this.onEnd();
      },
      (error: unknown) => this.#broken(error),
    );
  }

  override _write(bytes: Buffer, _: BufferEncoding, callback: (error?: Error) => void): void {
    const written = this.#writer.write(new Uint8Array(bytes));
    this.#settle(written, callback);
  }

  override _final(callback: (error?: Error) => void): void {
    this.#settle(this.#writer.close(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const reason = this.#reason ?? error ?? undefined;
    void Promise.allSettled([this.#reader.cancel(reason), this.#writer.abort(reason)]);
    callback(error);
  }

  giveUp(reason: unknown): void {
    this.#reason = reason;
    this.destroy();
  }

  #settle(work: Promise<void>, callback: (error?: Error) => void): void {
    work.then(
      () => callback(),
      (error: unknown) => {
        this.failure ??= { error };
        callback(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  #broken(error: unknown): void {
    this.failure ??= { error };
    this.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Codes of OpenSSL and Node for certificates. */
const CERTIFICATE_CODES: Readonly<Record<string, TlsErrorCode>> = {
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-name',
  HOSTNAME_MISMATCH: 'certificate-name',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-issuer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-issuer',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-issuer',
  CERT_SIGNATURE_FAILURE: 'certificate-issuer',
  CERT_UNTRUSTED: 'certificate-issuer',
  INVALID_PURPOSE: 'certificate-use',
  INVALID_CA: 'certificate-use',
  PATH_LENGTH_EXCEEDED: 'certificate-use',
};

/** The same as texts, of those that Node has no code for. */
const CERTIFICATE_TEXTS: readonly (readonly [RegExp, TlsErrorCode])[] = [
  [/subtree violation|unsuitable certificate purpose|key usage does not include/i, 'certificate-use'],
  [/unhandled critical|algorithm too weak|key too (?:small|weak)|certificate/i, 'certificate-invalid'],
];

/** OpenSSL's errors of the protocol. */
const PROTOCOL_CODES: readonly (readonly [RegExp, TlsErrorCode])[] = [
  [/ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/, 'version'],
  [/ALERT_NO_APPLICATION_PROTOCOL/, 'alpn'],
  [/ALERT/, 'refused'],
  [
    /EE_KEY_TOO_SMALL|CA_KEY_TOO_SMALL|CA_MD_TOO_WEAK|WRONG_SIGNATURE_TYPE|CERTIFICATE/,
    'certificate-invalid',
  ],
];

function errorOf(error: NodeJS.ErrnoException & { readonly cert?: PeerCertificate }, host: string): TlsError {
  const { code = '', message, cert } = error;
  const failed = (kind: TlsErrorCode, text?: string): TlsError =>
    tlsError(kind, { host, text, cause: error });
  const known = CERTIFICATE_CODES[code];
  if (known === 'certificate-name') return failed(known, namesOf(cert));
  // Of an expired one Node does not tell the date any more.
  if (known !== undefined) return failed(known, known === 'certificate-use' ? message : undefined);
  if (code.startsWith('ERR_SSL_')) {
    const [, kind = 'protocol'] = PROTOCOL_CODES.find(([pattern]) => pattern.test(code)) ?? [];
    return failed(kind, reasonOf(error));
  }
  if (code === 'ECONNRESET') return failed('truncated');
  const [, kind = 'protocol'] = CERTIFICATE_TEXTS.find(([pattern]) => pattern.test(message)) ?? [];
  return failed(kind, message);
}

/** As browsers and rustls check it: a common name is no host name. */
function nameError(host: string, cert: PeerCertificate): Error | undefined {
  if (cert.subjectaltname !== undefined) return checkServerIdentity(host, cert);
  const error = new Error('The certificate holds no host name.');
  return Object.assign(error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert });
}

function namesOf(certificate: PeerCertificate | undefined): string {
  return (certificate?.subjectaltname ?? '').replaceAll(/(?:DNS|IP Address):/g, '');
}

function reasonOf(error: Error): string {
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
}

function pemOf(der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}
