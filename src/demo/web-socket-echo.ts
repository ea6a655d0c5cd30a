import type { Server } from 'node:http';

import { WebSocketServer, type WebSocket } from 'ws';

/** Where it is. */
export const WEB_SOCKET_PATH = '/ws';

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Echoes that the other side has not taken yet; beyond it nothing more is read. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Gives back every message, text as text and bytes as bytes, at {@link WEB_SOCKET_PATH} of an HTTP server. */
export function serveWebSocketEcho(http: Server, idleLimitMs: number): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  http.on('upgrade', (request, socket, head) => {
    const [path] = (request.url ?? '').split('?', 1);
    if (path !== WEB_SOCKET_PATH || request.headers.upgrade?.toLowerCase() !== 'websocket') {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    server.handleUpgrade(request, socket, head, (webSocket) => echo(webSocket, idleLimitMs));
  });
}

function echo(webSocket: WebSocket, idleLimitMs: number): void {
  const timer = setTimeout(() => webSocket.close(1001, 'nothing came for too long'), idleLimitMs);
  const resume = () => {
    if (webSocket.bufferedAmount < MAX_WAITING_BYTES) webSocket.resume();
  };
  webSocket.on('message', (data, isBinary) => {
    timer.refresh();
    webSocket.send(data, { binary: isBinary }, resume);
    if (webSocket.bufferedAmount >= MAX_WAITING_BYTES) webSocket.pause();
  });
  webSocket.on('close', () => clearTimeout(timer));
  // 'close' follows.
  webSocket.on('error', () => undefined);
}
