import { TlsError } from './errors.js';

/** One or several certificates: PEM text, which may hold many, or the bytes of a PEM or DER file. */
export type Certificates = string | Uint8Array | readonly (string | Uint8Array)[];

const PEM_BLOCK = /-----BEGIN ([^-\n]+)-----([^-]*)-----END \1-----/g;

/** Which roots a client trusts. */
export interface TlsRoots {
  /**
   * The word `mozilla` (default) for the roots that Mozilla's programs trust, or certificates, which alone are trusted
   * then.
   */
  readonly roots?: Certificates | undefined;
  /** Trusted besides them. */
  readonly extraRoots?: Certificates | undefined;
}

/** The same in one form: whether Mozilla's are trusted, and which others, as DER. */
export interface TrustedRoots {
  readonly mozilla: boolean;
  readonly others: readonly Uint8Array[];
}

/** @throws {TlsError} `options` if what is given holds no certificate, or what is none. */
export function trustedRoots({ roots = 'mozilla', extraRoots = [] }: TlsRoots): TrustedRoots {
  const mozilla = roots === 'mozilla';
  const only = mozilla ? [] : certificatesOf('roots', roots);
  const others = [...only, ...(isNone(extraRoots) ? [] : certificatesOf('extraRoots', extraRoots))];
  return { mozilla, others };
}

/**
 * The certificates, as DER each.
 *
 * @param name of the option, for the error.
 * @throws {TlsError} `options` if there is none, or something else.
 */
export function certificatesOf(name: string, given: Certificates): Uint8Array[] {
  const parts: readonly unknown[] = Array.isArray(given) ? given : [given];
  const found = parts.flatMap((part) => {
    if (part instanceof Uint8Array && isDer(part)) return [part];
    if (part instanceof Uint8Array) return fromPem(name, new TextDecoder('latin1').decode(part));
    if (typeof part === 'string') return fromPem(name, part);
    throw new TlsError('options', `${name} must be PEM text or the bytes of PEM or DER files.`);
  });
  if (found.length > 0) return found;
  throw new TlsError('options', `${name} holds no certificate; nobody would be trusted.`);
}

function isNone(given: Certificates): boolean {
  return Array.isArray(given) && given.length === 0;
}

function fromPem(name: string, text: string): Uint8Array[] {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const certificates = blocks.filter(
    ([, label]) => label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE',
  );
  if (certificates.length === 0) {
    const [, label] = blocks[0] ?? [];
    const what = label === undefined ? 'no PEM' : `"${label}", no certificate`;
    throw new TlsError(
      'options',
      `${name} holds ${what}. A certificate begins with -----BEGIN CERTIFICATE-----.`,
    );
  }
  return certificates.map(([, , base64 = '']) => decoded(name, base64));
}

function decoded(name: string, base64: string): Uint8Array {
  let der: Uint8Array;
  try {
    der = Uint8Array.from(atob(base64.replaceAll(/\s+/g, '')), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new TlsError('options', `${name} holds a damaged certificate: its base64 is not valid.`, { cause });
  }
  if (isDer(der)) return der;
  throw new TlsError('options', `${name} holds a damaged certificate: it is cut short, or no DER.`);
}

/** Whether it is one ASN.1 sequence with a length of two bytes, as every certificate is, and nothing else. */
function isDer(bytes: Uint8Array): boolean {
  const [tag, length, high = 0, low = 0] = bytes;
  if (tag === 0x30 && length === 0x81) return bytes.length === high + 3;
  return tag === 0x30 && length === 0x82 && bytes.length === high * 256 + low + 4;
}
