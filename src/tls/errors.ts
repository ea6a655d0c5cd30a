/**
 * What went wrong with TLS:
 *
 * - `certificate-expired`, `certificate-not-yet-valid`: of the server or of an issuer of it; or the clock here is wrong.
 * - `certificate-name`: it is for other hosts.
 * - `certificate-issuer`: no trusted root stands behind it.
 * - `certificate-use`: it, or an issuer of it, is not meant for what it is used for.
 * - `certificate-invalid`: it cannot be read, or is of a kind that is not supported.
 * - `version`: the server has neither TLS 1.2 nor 1.3.
 * - `alpn`: none of the application protocols that were offered suits the server.
 * - `refused`: the server broke TLS off with an alert.
 * - `protocol`: what the server sent is not TLS, or was changed on its way.
 * - `truncated`: the connection ended without the end of TLS, so bytes may be missing.
 * - `timeout`: the handshake took too long.
 * - `options`: what was asked for is not possible.
 * - `engine`: TLS itself could not be loaded, or broke.
 */
export type TlsErrorCode =
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-name'
  | 'certificate-issuer'
  | 'certificate-use'
  | 'certificate-invalid'
  | 'version'
  | 'alpn'
  | 'refused'
  | 'protocol'
  | 'truncated'
  | 'timeout'
  | 'options'
  | 'engine';

/** TLS could not be set up with a server, or broke. No byte passed for the server's own that was not. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  readonly code: TlsErrorCode;

  constructor(code: TlsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What is told of a failure beside its code: a date or names, where its sentence has room for some, or any text. */
export interface FailureDetail {
  /** The host whose server it is. */
  readonly host: string;
  readonly text?: string | undefined;
  readonly cause?: unknown;
}

/** The error of a failed handshake or connection, whose sentence says what is wrong and what to do. */
export function tlsError(code: TlsErrorCode, { host, text = '', cause }: FailureDetail): TlsError {
  const told = printable(text);
  const message = SENTENCES[code](host, told);
  return new TlsError(code, message, cause === undefined ? undefined : { cause });
}

const SENTENCES: Record<TlsErrorCode, (host: string, text: string) => string> = {
  'certificate-expired': (host, since) =>
    `The certificate of ${host} has expired${since && `: it was valid until ${since}`}. ` +
    'The server needs a new one; or the clock of this device is wrong.',
  'certificate-not-yet-valid': (host, from) =>
    `The certificate of ${host} is not valid yet${from && `, but from ${from} on`}. ` +
    'Check the clock of this device, then the certificate of the server.',
  'certificate-name': (host, names) =>
    `The server's certificate is not for ${host}${names && `, but for ${names}`}. ` +
    'Connect by a name that the certificate holds (sni, or the host of the URL), or give the server one for this name.',
  'certificate-issuer': (host, why) =>
    `No trusted root has issued the certificate of ${host}${inBrackets(why)}: it is signed by itself or by an unknown ` +
    'authority, or the server does not send the certificates in between. If this authority is yours, give its root certificate ' +
    '(extraRoots or roots).',
  'certificate-use': (host, why) =>
    `A certificate of ${host} is used for what it is not meant for${inBrackets(why)}. ` +
    'The server needs a certificate for servers, issued by an authority that may issue it.',
  'certificate-invalid': (host, why) =>
    `A certificate of ${host} is not valid or of a kind that is not supported${inBrackets(why)}. ` +
    'The server needs one with an ECDSA P-256, P-384, Ed25519 or RSA key (2048 bits or more) and SHA-2 signatures.',
  version: (host) =>
    `The server of ${host} speaks neither TLS 1.2 nor TLS 1.3. It has to be updated; older versions are not safe.`,
  alpn: (host) => `The server of ${host} speaks none of the application protocols that were offered (alpn).`,
  refused: (host, alert) =>
    `The server of ${host} broke off TLS${inBrackets(alert)}. Its log should say why; it may have no certificate for this ` +
    'name, want one of the client, or share no cipher with it.',
  protocol: (host, why) =>
    `What ${host} sent is not valid TLS${inBrackets(why)}. Check that the upstream expects TLS on this port; if it does, ` +
    'the bytes were changed on their way.',
  truncated: (host) =>
    `The connection to ${host} ended without the end of TLS (close_notify), so bytes may be missing.`,
  timeout: (host) => `The TLS handshake with ${host} took too long. Check that the upstream expects TLS.`,
  options: (host, why) => `TLS with ${host} is not possible${inBrackets(why)}.`,
  engine: (host, why) => `TLS with ${host} failed in this client itself${inBrackets(why)}.`,
};

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`;
}

const MOST_TOLD = 200;

/** Part of it comes from the peer. */
function printable(text: string): string {
  const clean = text.replaceAll(/[^\x20-\x7e]+/g, ' ').trim();
  return clean.length > MOST_TOLD ? `${clean.slice(0, MOST_TOLD)}...` : clean;
}
