/**
 * Certificates for tests, made as they are needed: good ones, and those that no authority would issue.
 *
 * @module
 */
import { generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';

/** What a certificate says. */
export interface CertificateFields {
  /** Common name of the subject. */
  readonly name: string;
  /** DNS names and IPv4 addresses (subject alternative names); none for no such extension. */
  readonly hosts?: readonly string[];
  /** Whether it may sign others; `null` to say nothing of it. */
  readonly ca?: boolean | null;
  /** Certificates between it and the leaf, at most. */
  readonly pathLength?: number;
  readonly purpose?: 'server' | 'client' | null;
  /** The only domain that it may sign for. */
  readonly onlyDomain?: string;
  readonly from?: Date;
  readonly until?: Date;
  readonly key?: 'p256' | 'p384' | 'p521' | 'ed25519' | 'rsa2048' | 'rsa1024';
  readonly hash?: 'sha256' | 'sha1';
  /** An extension that nobody knows, and that must be understood. */
  readonly unknownCritical?: boolean;
}

/** A certificate with its key. */
export interface Issued {
  readonly der: Buffer;
  readonly pem: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly name: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Makes a certificate signed by `issuer`, or by itself. */
export function issue(fields: CertificateFields, issuer?: Issued): Issued {
  const { name, hash = 'sha256' } = fields;
  const { privateKey, publicKey } = keyPair(fields.key ?? 'p256');
  const signingKey = issuer?.key ?? privateKey;
  const algorithm = signatureAlgorithm(signingKey, hash);
  const from = fields.from ?? new Date(Date.now() - DAY_MS);
  const until = fields.until ?? new Date(Date.now() + 30 * DAY_MS);
  // Neither negative nor with a zero in front.
  const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(11)]);
  const body = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    distinguishedName(issuer?.name ?? name),
    sequence(time(from), time(until)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions(fields))),
  );
  const digest = signingKey.asymmetricKeyType === 'ed25519' ? null : hash;
  const der = sequence(body, algorithm, bits(sign(digest, body, signingKey)));
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { der, pem: new X509Certificate(der).toString(), key: privateKey, keyPem, name };
}

function keyPair(kind: NonNullable<CertificateFields['key']>): {
  privateKey: KeyObject;
  publicKey: KeyObject;
} {
  switch (kind) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'rsa1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 });
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}

function extensions(fields: CertificateFields): Buffer[] {
  const { hosts = [], ca = false, pathLength, purpose = ca === true ? null : 'server', onlyDomain } = fields;
  const list: Buffer[] = [];
  if (ca !== null) {
    const length = pathLength === undefined ? [] : [integer(Buffer.from([pathLength]))];
    list.push(extension('2.5.29.19', true, sequence(...(ca ? [TRUE, ...length] : []))));
    // keyCertSign and cRLSign, or digitalSignature.
    const usage = ca ? Buffer.from([3, 2, 1, 0x06]) : Buffer.from([3, 2, 7, 0x80]);
    list.push(extension('2.5.29.15', true, usage));
  }
  if (purpose !== null) {
    const oid = purpose === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2';
    list.push(extension('2.5.29.37', false, sequence(objectId(oid))));
  }
  if (hosts.length > 0) list.push(extension('2.5.29.17', false, sequence(...hosts.map(generalName))));
  if (onlyDomain !== undefined) {
    const permitted = tagged(0, sequence(generalName(onlyDomain)));
    list.push(extension('2.5.29.30', true, sequence(permitted)));
  }
  if (fields.unknownCritical) list.push(extension('1.3.6.1.4.1.99999.1', true, sequence()));
  return list;
}

function signatureAlgorithm(key: KeyObject, hash: 'sha256' | 'sha1'): Buffer {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return sequence(
        objectId(hash === 'sha1' ? '1.2.840.113549.1.1.5' : '1.2.840.113549.1.1.11'),
        der(0x05, Buffer.alloc(0)),
      );
    case 'ed25519':
      return sequence(objectId('1.3.101.112'));
    default:
      return sequence(objectId(hash === 'sha1' ? '1.2.840.10045.4.1' : '1.2.840.10045.4.3.2'));
  }
}

function generalName(host: string): Buffer {
  if (/^[\d.]+$/.test(host)) return der(0x87, Buffer.from(host.split('.').map(Number)));
  return der(0x82, Buffer.from(host, 'latin1'));
}

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId('2.5.4.3'), der(0x0c, Buffer.from(name)))));
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(oid), ...(critical ? [TRUE] : []), der(0x04, value));
}

/** As RFC 5280 wants it: two digits for the year up to 2049. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const short = date.getUTCFullYear() < 2050;
  return der(short ? 0x17 : 0x18, Buffer.from(short ? digits.slice(2) : digits));
}

function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const TRUE = der(0x01, Buffer.from([0xff]));

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function tagged(number: number, content: Buffer): Buffer {
  return der(0xa0 + number, content);
}

/** @param bytes of a number that is not negative, as short as it goes. */
function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function bits(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const arcs = [first * 40 + second, ...rest].map((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(0x06, Buffer.from(arcs.flat()));
}
