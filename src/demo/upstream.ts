/**
 * A small server to look at through a tunnel: pages, a large file, events, echoes of HTTP, WebSocket and TCP.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { serveByOpening } from './connection-opening.js';
import { answer } from './upstream-routes.js';
import { serveWebSocketEcho } from './web-socket-echo.js';

/** A running demo upstream. From {@link startDemoUpstream}. */
export interface DemoUpstream extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** Ends it and all its connections. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** A connection on which nothing happens for so long is ended. */
const IDLE_LIMIT_MS = 120_000;
/** Where somebody types, it takes longer. */
const TYPING_LIMIT_MS = 600_000;
const MAX_CONNECTIONS = 512;

/** Starts it on a free port of this machine, for this machine only. */
export async function startDemoUpstream(): Promise<DemoUpstream> {
  const http = createHttpServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  http.timeout = IDLE_LIMIT_MS;
  // However long an upload takes through a mixnet, it is welcome as long as it moves.
  http.requestTimeout = 0;
  serveWebSocketEcho(http, TYPING_LIMIT_MS);

  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_LIMIT_MS, () => socket.destroy());
    serveByOpening(socket, { http: (begun) => http.emit('connection', begun), other: echo });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    await closed;
  };
  return { address: `${HOST}:${port}`, close, [Symbol.asyncDispose]: close };
}

/** Gives back what comes, as it comes. */
function echo(socket: Socket): void {
  socket.setTimeout(TYPING_LIMIT_MS);
  socket.pipe(socket);
}
