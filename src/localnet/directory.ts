/**
 * The directory of a localnet (nym-api): an HTTP server that tells clients which nodes there are (nym-api.md).
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerControl, CONTROL_PREFIX, isFromThisMachine } from './control.js';
import type { LocalnetControl } from './control.js';
import { listen } from './listen.js';
import { formatNodeAddress } from './node-address.js';

const MAX_CONNECTIONS = 1024;
const HEADERS_TIMEOUT_MS = 10_000;
/** Real directories are under this path, so both this and no prefix work. */
const API_PREFIX = '/api';

/** Clients send a content type with GET, for which browsers ask first (nym-api.md section 2). */
const PREFLIGHT_HEADERS = {
  'access-control-allow-headers': 'accept, content-type, user-agent',
  'access-control-max-age': '600',
};

export class Directory {
  readonly #server: Server;
  readonly #host: string;

  /**
   * Starts listening.
   *
   * @param port 0 lets the operating system choose
   * @throws {LocalnetError} `port-in-use` or `listen-failed`
   */
  static async start(host: string, port: number, control: LocalnetControl): Promise<Directory> {
    const server = createServer((request, response) => {
      // A client that goes away in the middle is its own affair.
      response.on('error', () => undefined);
      void answer(control, request, response);
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    await listen(server, host, port, 'the directory');
    return new Directory(server, host);
  }

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.#host = host;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Of everything here, without a slash at the end. */
  get origin(): string {
    return `http://${formatNodeAddress({ host: this.#host, port: this.port })}`;
  }

  /** What clients are told as `NYM_API`. */
  get apiUrl(): string {
    return `${this.origin}${API_PREFIX}/`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Never rejects. */
async function answer(
  control: LocalnetControl,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { path, query } = targetOf(request);
  response.setHeader('access-control-allow-origin', '*');
  if (path.startsWith(CONTROL_PREFIX)) {
    await answerControlRequest(control, path, request, response);
    return;
  }
  if (!control.directoryRuns) {
    // As near to a program that is gone as one can come that still takes the command to start again.
    request.socket.destroy();
    return;
  }
  if (request.method === 'OPTIONS') {
    response.writeHead(204, { ...PREFLIGHT_HEADERS, 'access-control-allow-methods': 'GET' }).end();
    return;
  }
  const document = control.documents.get(path);
  if (document === undefined)
    send(response, 404, JSON.stringify({ message: `the directory has no ${path}` }));
  else if (request.method !== 'GET')
    send(response, 405, JSON.stringify({ message: 'the directory can only be read' }));
  else if (query.get('output') === 'bincode' && document.bincode !== undefined)
    send(response, 200, document.bincode, 'application/bincode');
  else send(response, 200, document.json);
}

async function answerControlRequest(
  control: LocalnetControl,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'OPTIONS') {
    // Every page may read, but only pages of this machine may command.
    const methods = isFromThisMachine(request) ? 'GET, POST' : 'GET';
    response.writeHead(204, { ...PREFLIGHT_HEADERS, 'access-control-allow-methods': methods }).end();
    return;
  }
  const { status, body } = await answerControl(control, path, request);
  send(response, status, JSON.stringify(body));
}

/** What is asked for: the path without the API prefix, and the query. Every list is one page. */
function targetOf({ url = '/' }: IncomingMessage): { path: string; query: URLSearchParams } {
  const end = url.includes('?') ? url.indexOf('?') : url.length;
  const path = url.slice(0, end);
  return {
    path: path.startsWith(`${API_PREFIX}/`) ? path.slice(API_PREFIX.length) : path,
    query: new URLSearchParams(url.slice(end)),
  };
}

function send(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  type = 'application/json',
): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
