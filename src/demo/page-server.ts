import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import sirv from 'sirv';

import type { Network } from '../mixnet/network.js';
import { CommandError } from '../node/cli/failure.js';
import type { TrafficProfile } from '../node/index.js';
import { PAGE_HEADERS } from './page-headers.js';

/** What the page is told of the demo, at `/demo.json`. */
export interface DemoSite {
  readonly network: Network;
  /** Whether that is a localnet, whose directory tells of its nodes under `/localnet/`. */
  readonly localnet: boolean;
  /** Nym address of the server. */
  readonly serverAddress: string;
  /** `host:port` of what is behind it. */
  readonly upstream: string;
  /** Whether that is the demo's own. */
  readonly demoUpstream: boolean;
  /** What the server uses. */
  readonly traffic: TrafficProfile;
}

/** What {@link startPageServer} is to serve. */
export interface PageServerOptions {
  /** 0 for any. */
  readonly port: number;
  /** Whether no other port will do, should it be in use. */
  readonly portFixed: boolean;
  readonly site: DemoSite;
  /** The built page; by default where `npm run build` puts it. */
  readonly directory?: string;
}

/** The server of the demo page. */
export interface PageServer {
  /** Of the page, with a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

const BUILT_PAGE = fileURLToPath(new URL('../../../dist-app', import.meta.url));

const MAX_CONNECTIONS = 256;

/** Names with a hash in them, so what is behind one never changes. */
const ASSETS = '/assets/';

/**
 * Serves the built page on this machine, to this machine only.
 *
 * @throws {CommandError} if the page is not built, or the port cannot be had.
 */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const { port, portFixed, site, directory = BUILT_PAGE } = options;
  await access(join(directory, 'index.html')).catch((cause: unknown) => {
    throw new CommandError(`The page is not built: ${directory} has no index.html. Run npm run build.`, {
      cause,
    });
  });
  const serveFile = sirv(directory, {
    etag: true,
    setHeaders: (response, path) => {
      const cache = path.startsWith(ASSETS) ? 'public, max-age=31536000, immutable' : 'no-cache';
      response.setHeader('cache-control', cache);
    },
  });
  const server = createServer((request, response) => {
    answer(request, response, site, () => {
      serveFile(request, response, () => sendText(response, 404, 'There is no such page.\n'));
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, port, portFixed);
  return {
    url: `http://${HOST}:${portOf(server)}/`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  site: DemoSite,
  serveFile: () => void,
): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
  if (!isForThisMachine(request)) {
    sendText(response, 421, `Ask for http://${HOST}:${request.socket.localPort ?? 0}/ instead.\n`);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    sendText(response, 405, 'This can only be read.\n');
    return;
  }
  const [path] = (request.url ?? '').split('?', 1);
  if (path === '/demo.json') {
    response.setHeader('cache-control', 'no-store');
    send(response, 200, 'application/json', JSON.stringify(site));
    return;
  }
  serveFile();
}

/**
 * Whether a browser asked for this machine by a name that always means it. A page from elsewhere whose own name was
 * made to point here would be of the same origin as what it asks for.
 */
function isForThisMachine({ headers }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(headers.host ?? '');
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.setHeader('cache-control', 'no-store');
  send(response, status, 'text/plain; charset=utf-8', text);
}

/** Node itself leaves the body out of an answer to HEAD. */
function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function listen(server: Server, port: number, fixed: boolean): Promise<void> {
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' && !fixed) {
      await listen(server, 0, true);
      return;
    }
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on: ${message}`;
    throw new CommandError(`${HOST}, port ${port}, for the page, ${why}. Give another --page-port.`, {
      cause: error,
    });
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
