import type { TlsTarget } from './engine.js';
import { TlsError } from './errors.js';

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;
const MOST_NAME = 253;

/**
 * Whom to speak TLS with.
 *
 * @param sni DNS name in ASCII, or IP address, with or without the brackets of IPv6.
 * @throws {TlsError} `options`.
 */
export function tlsTarget(sni: string | undefined, alpn: readonly string[] = []): TlsTarget {
  if (sni === undefined || sni === '') {
    throw new TlsError(
      'options',
      'TLS needs `sni`: the host name that the server must have a certificate for.',
    );
  }
  const wrong = alpn.find((name) => typeof (name as unknown) !== 'string' || !isProtocol(name));
  if (wrong !== undefined) {
    throw new TlsError('options', `"${wrong}" is no application protocol (alpn): they have 1 to 255 bytes.`);
  }
  return { host: hostOf(sni), alpn };
}

function hostOf(sni: string): string {
  const bare = sni.startsWith('[') ? sni.slice(1, -1) : sni;
  if (bare.includes(':') && URL.canParse(`https://[${bare}]`))
    return new URL(`https://[${bare}]`).hostname.slice(1, -1);
  // The dot of the root is no part of the name that certificates hold.
  const name = sni.endsWith('.') ? sni.slice(0, -1) : sni;
  if (name.length <= MOST_NAME && name.split('.').every((label) => LABEL.test(label)))
    return name.toLowerCase();
  throw new TlsError(
    'options',
    `"${sni}" is no host name (sni); use a DNS name in ASCII, as new URL(...).hostname has it, or an IP address.`,
  );
}

function isProtocol(name: string): boolean {
  const { length } = new TextEncoder().encode(name);
  return length >= 1 && length <= 255;
}
