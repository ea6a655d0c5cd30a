/**
 * What the demo upstream answers over HTTP.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { largeContent, largeHash, MIB, requestedRange } from './large-file.js';
import { ABOUT_PAGE, indexPage, INDEX_SCRIPT, notFoundPage } from './upstream-pages.js';
import { WAY_PICTURE } from './upstream-picture.js';
import { STYLE } from './upstream-style.js';
import { WEB_SOCKET_PATH } from './web-socket-echo.js';

/** The header that tells what was sent: the body's sha256 in hex. */
export const SHA256_HEADER = 'x-sha256';

const MAX_MIB = 64;

const EVENT_INTERVAL_MS = 1000;

interface Route {
  readonly methods: readonly string[];
  readonly answer: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;
}

const READ = ['GET', 'HEAD'];
const WRITE = ['POST'];

const HTML = 'text/html; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/', { methods: READ, answer: sendIndex }],
  ['/about.html', document(HTML, ABOUT_PAGE)],
  ['/style.css', document('text/css; charset=utf-8', STYLE)],
  ['/way.svg', document('image/svg+xml', WAY_PICTURE)],
  ['/index.js', document('text/javascript; charset=utf-8', INDEX_SCRIPT)],
  ['/large.bin', { methods: READ, answer: sendLarge }],
  ['/large.bin.sha256', { methods: READ, answer: sendLargeHash }],
  ['/events', { methods: READ, answer: sendEvents }],
  ['/echo', { methods: WRITE, answer: echo }],
  ['/upload', { methods: WRITE, answer: takeUpload }],
  [WEB_SOCKET_PATH, { methods: READ, answer: wantUpgrade }],
]);

/** Answers any request. Rejects if it could not be answered to the end. */
export async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = `http://127.0.0.1${request.url ?? '/'}`;
  if (!URL.canParse(target)) {
    sendText(request, response, 400, TEXT, 'That is no path.\n');
    return;
  }
  const url = new URL(target);
  const route = ROUTES.get(url.pathname);
  if (!route) {
    sendText(request, response, 404, HTML, notFoundPage(url.pathname));
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

function document(type: string, text: string): Route {
  return { methods: READ, answer: (request, response) => sendText(request, response, 200, type, text) };
}

function sendIndex(request: IncomingMessage, response: ServerResponse): void {
  sendText(request, response, 200, HTML, indexPage(cameDirectly(request)));
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
  const size = mib * MIB;
  const hash = largeHash(mib);
  const etag = `"${hash.slice(0, 16)}"`;
  const { range: rangeHeader, 'if-range': ifRange } = request.headers;
  const ranged = request.method === 'GET' && (ifRange === undefined || ifRange === etag);
  const range = ranged ? requestedRange(rangeHeader, size) : undefined;
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${size}`);
    sendText(request, response, 416, TEXT, `There are ${size} bytes.\n`);
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  response.writeHead(range === undefined ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'cache-control': 'no-store',
    'accept-ranges': 'bytes',
    etag,
    ...(range === undefined
      ? { [SHA256_HEADER]: hash }
      : { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(Readable.from(largeContent({ start, end })), response);
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

function wantUpgrade(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('upgrade', 'websocket');
  sendText(request, response, 426, TEXT, 'This is for WebSockets.\n');
}

/** A request that came through a tunnel was sent to another port than ours. */
function cameDirectly(request: IncomingMessage): boolean {
  return request.headers.host === `127.0.0.1:${request.socket.localPort ?? 0}`;
}
