/**
 * Servers with good certificates and with bad ones, and what a client must say of each.
 *
 * @module
 */
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer, Server as TlsServer, type TlsOptions } from 'node:tls';

import type { TlsErrorCode } from '../../src/tls/errors.js';
import { issue, type CertificateFields, type Issued } from '../support/certificates.js';

/** One server, and one attempt to reach it. */
export interface TlsCase {
  readonly name: string;
  /** Whom the client means. */
  readonly host: string;
  /** Protocols that the client offers. */
  readonly alpn: readonly string[];
  readonly port: number;
  /** `ok`, or the error. */
  readonly expected: 'ok' | TlsErrorCode;
  /** The same of rustls, where it knows less. */
  readonly ofRustls: 'ok' | TlsErrorCode;
  /** What `node:tls` does by itself, where it is laxer than it is made here. */
  readonly nodeAlone: 'ok' | 'refused';
}

/** The servers, listening on ports of 127.0.0.1. */
export interface TlsServers extends Disposable {
  readonly root: Issued;
  readonly cases: readonly TlsCase[];
}

interface Plan {
  readonly name: string;
  readonly expected: 'ok' | TlsErrorCode;
  readonly leaf?: Partial<CertificateFields>;
  /** Of the leaf; the good intermediate by default, `null` for itself. */
  readonly issuer?: Issued | null;
  /** What the server sends after the leaf; its issuer by default. */
  readonly chain?: readonly Issued[];
  readonly options?: TlsOptions;
  readonly host?: string;
  readonly alpn?: readonly string[];
  readonly nodeAlone?: 'ok' | 'refused';
  readonly ofRustls?: TlsErrorCode;
}

const HOST = 'service.example';
const DAY_MS = 24 * 60 * 60 * 1000;
const daysFromNow = (days: number) => new Date(Date.now() + days * DAY_MS);

/** What each server answers, once it has got any byte. */
export const ANSWER = 'hello over TLS';

/** Makes an authority, and starts all servers. */
export async function startTlsServers(): Promise<TlsServers> {
  const root = issue({ name: 'Test Root', ca: true, key: 'rsa2048' });
  const intermediate = issue({ name: 'Test Intermediate', ca: true, pathLength: 0 }, root);
  const started: Server[] = [];
  const sockets = new Set<Socket>();
  const cases: TlsCase[] = [];
  for (const plan of plans(root, intermediate)) {
    const { name, expected, host = HOST, alpn = [], nodeAlone = expected === 'ok' ? 'ok' : 'refused' } = plan;
    const server = plan.name === 'no TLS' ? plainServer() : tlsServer(plan, intermediate);
    started.push(server);
    // Destroyed below TLS, a socket would leave Node waiting for it when the process ends.
    const connected = server instanceof TlsServer ? 'secureConnection' : 'connection';
    server.on(connected, (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    cases.push({ name, host, alpn, port, expected, ofRustls: plan.ofRustls ?? expected, nodeAlone });
  }
  return {
    root,
    cases,
    [Symbol.dispose]() {
      for (const server of started) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function plans(root: Issued, intermediate: Issued): readonly Plan[] {
  const rogue = issue({ name: 'Rogue Root', ca: true });
  const twin = issue({ name: 'Test Root', ca: true, key: 'rsa2048' });
  const attacker = issue({ name: 'attacker', hosts: ['attacker.example'] }, intermediate);
  const constrained = issue({ name: 'Constrained', ca: true, onlyDomain: 'corp.example' }, root);
  const expired = issue(
    { name: 'Expired CA', ca: true, from: daysFromNow(-60), until: daysFromNow(-30) },
    root,
  );
  const below = issue({ name: 'Too deep', ca: true }, intermediate);
  const silent = issue({ name: 'Says nothing', ca: null, purpose: null }, root);
  const rsaLeaf = { key: 'rsa2048' } as const;
  const tls12: TlsOptions = { maxVersion: 'TLSv1.2' };
  const tls13: TlsOptions = { minVersion: 'TLSv1.3' };
  const oldCiphers = { ...tls12, ciphers: 'ECDHE-RSA-AES128-SHA:AES128-SHA' };
  return [
    { name: 'a good one', expected: 'ok' },
    { name: 'RSA, issued by the root', expected: 'ok', leaf: rsaLeaf, issuer: root, chain: [] },
    { name: 'P-384', expected: 'ok', leaf: { key: 'p384' } },
    { name: 'Ed25519', expected: 'ok', leaf: { key: 'ed25519' } },
    { name: 'the root sent along', expected: 'ok', chain: [intermediate, root] },
    { name: 'TLS 1.2', expected: 'ok', options: tls12 },
    { name: 'TLS 1.2 with RSA', expected: 'ok', leaf: rsaLeaf, options: tls12 },
    { name: 'TLS 1.3', expected: 'ok', options: tls13 },
    {
      name: 'ChaCha20 only',
      expected: 'ok',
      options: { ...tls13, ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
    },
    { name: 'AES only', expected: 'ok', options: { ...tls13, ciphers: 'TLS_AES_128_GCM_SHA256' } },
    { name: 'X25519 only', expected: 'ok', options: { ...tls13, ecdhCurve: 'X25519' } },
    { name: 'P-384 only, with a second hello', expected: 'ok', options: { ...tls13, ecdhCurve: 'P-384' } },
    { name: 'a wildcard', expected: 'ok', leaf: { hosts: ['*.corp.example'] }, host: 'a.corp.example' },
    { name: 'several names', expected: 'ok', leaf: { hosts: ['x.example', HOST] } },
    { name: 'capital letters', expected: 'ok', host: 'Service.EXAMPLE' },
    { name: 'the dot of the root', expected: 'ok', host: `${HOST}.` },
    { name: 'an IP address', expected: 'ok', leaf: { hosts: ['127.0.0.1'] }, host: '127.0.0.1' },
    {
      name: 'a constrained authority in its domain',
      expected: 'ok',
      leaf: { hosts: ['a.corp.example'] },
      issuer: constrained,
      host: 'a.corp.example',
    },
    {
      name: 'a protocol agreed on',
      expected: 'ok',
      alpn: ['h9', 'http/1.1'],
      options: { ALPNProtocols: ['http/1.1'] },
    },
    { name: 'a server without ALPN', expected: 'ok', alpn: ['http/1.1'] },

    { name: 'another host', expected: 'certificate-name', leaf: { hosts: ['other.example'] } },
    {
      name: 'a common name only',
      expected: 'certificate-name',
      leaf: { name: HOST, hosts: [] },
      nodeAlone: 'ok',
    },
    {
      name: 'a right common name, another host',
      expected: 'certificate-name',
      leaf: { name: HOST, hosts: ['other.example'] },
    },
    {
      name: 'a wildcard, no label',
      expected: 'certificate-name',
      leaf: { hosts: ['*.corp.example'] },
      host: 'corp.example',
    },
    {
      name: 'a wildcard, two labels',
      expected: 'certificate-name',
      leaf: { hosts: ['*.corp.example'] },
      host: 'a.b.corp.example',
    },
    {
      name: 'a wildcard for a whole top level',
      expected: 'certificate-name',
      leaf: { hosts: ['*.example'] },
    },
    { name: 'a name for an IP address', expected: 'certificate-name', host: '127.0.0.1' },
    {
      name: 'another IP address',
      expected: 'certificate-name',
      leaf: { hosts: ['127.0.0.2'] },
      host: '127.0.0.1',
    },
    {
      name: 'expired',
      expected: 'certificate-expired',
      leaf: { from: daysFromNow(-60), until: daysFromNow(-30) },
    },
    { name: 'an expired issuer', expected: 'certificate-expired', issuer: expired },
    {
      name: 'not yet valid',
      expected: 'certificate-not-yet-valid',
      leaf: { from: daysFromNow(30), until: daysFromNow(60) },
    },
    { name: 'an unknown root', expected: 'certificate-issuer', issuer: rogue },
    { name: 'a root of the same name', expected: 'certificate-issuer', issuer: twin },
    { name: 'signed by itself', expected: 'certificate-issuer', issuer: null, chain: [] },
    { name: 'no intermediate', expected: 'certificate-issuer', chain: [] },
    {
      name: 'issued by a leaf',
      expected: 'certificate-use',
      issuer: attacker,
      chain: [attacker, intermediate],
    },
    { name: 'issued by what does not say that it may', expected: 'certificate-use', issuer: silent },
    { name: 'outside of the domain of its issuer', expected: 'certificate-use', issuer: constrained },
    { name: 'too many issuers', expected: 'certificate-use', issuer: below, chain: [below, intermediate] },
    { name: 'for clients only', expected: 'certificate-use', leaf: { purpose: 'client' } },
    {
      name: 'an unknown critical extension',
      expected: 'certificate-invalid',
      leaf: { unknownCritical: true },
    },
    {
      name: 'RSA of 1024 bits',
      expected: 'certificate-invalid',
      ofRustls: 'certificate-issuer',
      nodeAlone: 'ok',
      leaf: { key: 'rsa1024' },
      options: { ciphers: 'DEFAULT@SECLEVEL=0' },
    },
    { name: 'P-521', expected: 'refused', leaf: { key: 'p521' }, nodeAlone: 'ok' },
    {
      name: 'SHA-1',
      expected: 'certificate-invalid',
      leaf: { hash: 'sha1' },
      issuer: root,
      chain: [],
      options: { ciphers: 'DEFAULT@SECLEVEL=0' },
    },
    {
      name: 'TLS 1.1',
      expected: 'version',
      leaf: rsaLeaf,
      options: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    },
    { name: 'old ciphers only', expected: 'refused', leaf: rsaLeaf, options: oldCiphers, nodeAlone: 'ok' },
    {
      name: 'no protocol in common',
      expected: 'alpn',
      alpn: ['h9'],
      options: { ALPNProtocols: ['http/1.1'] },
    },
    { name: 'no TLS', expected: 'protocol' },
  ];
}

function tlsServer({ leaf = {}, issuer, chain, options }: Plan, intermediate: Issued): Server {
  const by = issuer === undefined ? intermediate : (issuer ?? undefined);
  const own = issue({ name: 'leaf', hosts: [HOST], ...leaf }, by);
  const sent = [own, ...(chain ?? (by ? [by] : []))];
  const cert = sent.map(({ pem }) => pem).join('');
  const server = createServer({ key: own.keyPem, cert, ...options }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(ANSWER));
  });
  server.on('tlsClientError', () => undefined);
  return server;
}

/** Says at once what it is, as many servers do when they are spoken to too early. */
function plainServer(): Server {
  return createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
  });
}
