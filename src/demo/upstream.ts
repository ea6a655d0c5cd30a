/**
 * A small web server to look at through a tunnel: pages, a large file, a stream of events, an echo.
 *
 * @module
 */
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { ABOUT_PAGE, indexPage, NOT_FOUND_PAGE } from './upstream-pages.js';

/** A running demo upstream. From {@link startDemoUpstream}. */
export interface DemoUpstream extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** Ends it and all its connections. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** The header that tells what was sent: the body's sha256 in hex. */
export const SHA256_HEADER = 'x-sha256';

const MIB = 1024 * 1024;
const MAX_MIB = 64;
const CHUNK_BYTES = 64 * 1024;

const EVENT_INTERVAL_MS = 1000;

/** A connection on which nothing happens for so long is ended. */
const IDLE_LIMIT_MS = 120_000;
const MAX_CONNECTIONS = 512;

/** Starts it on a free port of this machine, for this machine only. */
export async function startDemoUpstream(): Promise<DemoUpstream> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_LIMIT_MS;
  // However long an upload takes through a mixnet, it is welcome as long as it moves.
  server.requestTimeout = 0;
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { address: `${HOST}:${port}`, close, [Symbol.asyncDispose]: close };
}

interface Route {
  readonly methods: readonly string[];
  readonly answer: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;
}

const READ = ['GET', 'HEAD'];
const WRITE = ['POST'];

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/', { methods: READ, answer: sendIndex }],
  ['/about.html', { methods: READ, answer: sendAbout }],
  ['/large.bin', { methods: READ, answer: sendLarge }],
  ['/large.bin.sha256', { methods: READ, answer: sendLargeHash }],
  ['/events', { methods: READ, answer: sendEvents }],
  ['/echo', { methods: WRITE, answer: echo }],
  ['/upload', { methods: WRITE, answer: takeUpload }],
]);

const HTML = 'text/html; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = `http://${HOST}${request.url ?? '/'}`;
  if (!URL.canParse(target)) {
    sendText(request, response, 400, TEXT, 'That is no path.\n');
    return;
  }
  const url = new URL(target);
  const route = ROUTES.get(url.pathname);
  if (!route) {
    sendText(request, response, 404, HTML, NOT_FOUND_PAGE);
    return;
  }
  if (!route.methods.includes(request.method ?? '')) {
    const allowed = route.methods.join(', ');
    response.setHeader('allow', allowed);
    sendText(request, response, 405, TEXT, `${url.pathname} is for ${allowed}.\n`);
    return;
  }
  await route.answer(request, response, url);
}

function sendIndex(request: IncomingMessage, response: ServerResponse): void {
  sendText(request, response, 200, HTML, indexPage(cameDirectly(request)));
}

function sendAbout(request: IncomingMessage, response: ServerResponse): void {
  sendText(request, response, 200, HTML, ABOUT_PAGE);
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    'content-type': type,
    'content-length': body.length,
    // What comes from a cache does not come through the tunnel.
    'cache-control': 'no-store',
    [SHA256_HEADER]: createHash('sha256').update(body).digest('hex'),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function sendLarge(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const mib = sizeOf(url);
  if (mib === undefined) {
    sendText(request, response, 400, TEXT, WRONG_SIZE);
    return;
  }
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': mib * MIB,
    'cache-control': 'no-store',
    [SHA256_HEADER]: largeHash(mib),
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(Readable.from(largeContent(mib)), response);
}

/** In the form that `sha256sum -c` reads. */
function sendLargeHash(request: IncomingMessage, response: ServerResponse, url: URL): void {
  const mib = sizeOf(url);
  if (mib === undefined) sendText(request, response, 400, TEXT, WRONG_SIZE);
  else sendText(request, response, 200, TEXT, `${largeHash(mib)}  large.bin\n`);
}

const WRONG_SIZE = `mib is the size in MiB: a whole number from 1 to ${MAX_MIB}.\n`;

function sizeOf(url: URL): number | undefined {
  const text = url.searchParams.get('mib') ?? '1';
  const mib = Number(text);
  return /^\d+$/.test(text) && mib >= 1 && mib <= MAX_MIB ? mib : undefined;
}

/** Looks random and is the same every time: an AES keystream under a fixed key. A smaller file begins a larger one. */
function* largeContent(mib: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let bytes = 0; bytes < mib * MIB; bytes += CHUNK_BYTES) yield cipher.update(zeros);
}

const knownHashes = new Map<number, string>();

function largeHash(mib: number): string {
  let hex = knownHashes.get(mib);
  if (hex === undefined) {
    const hash = createHash('sha256');
    for (const chunk of largeContent(mib)) hash.update(chunk);
    hex = hash.digest('hex');
    knownHashes.set(mib, hex);
  }
  return hex;
}

/** One event a second, until the other side has had enough. */
function sendEvents(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  let number = 0;
  const send = () => {
    // Who does not read misses events; they are not kept for him.
    if (response.writableNeedDrain) return;
    number += 1;
    response.write(`id: ${number}\ndata: event ${number}, sent at ${new Date().toISOString()}\n\n`);
  };
  const timer = setInterval(send, EVENT_INTERVAL_MS);
  response.on('close', () => clearInterval(timer));
  send();
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('content-type', request.headers['content-type'] ?? 'application/octet-stream');
  await pipeline(request, response);
}

async function takeUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const report = JSON.stringify({ sha256: hash.digest('hex'), bytes });
  sendText(request, response, 200, 'application/json', `${report}\n`);
}

/** A request that came through a tunnel was sent to another port than ours. */
function cameDirectly(request: IncomingMessage): boolean {
  return request.headers.host === `${HOST}:${request.socket.localPort ?? 0}`;
}
