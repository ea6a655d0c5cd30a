import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

import { CHUNK_BY_CHUNK } from './tcp.js';

/** Listens at once, so that a busy port shows at once, and keeps the connections that come before anybody can serve. */
export class EarlyListener {
  readonly server: Server;
  readonly #waiting = new Set<Socket>();
  readonly #hold = (socket: Socket) => {
    this.#waiting.add(socket);
    socket.on('error', () => this.#waiting.delete(socket));
  };

  private constructor(server: Server) {
    this.server = server;
    server.on('connection', this.#hold);
  }

  /** @throws the operating system's error if the port cannot be had. */
  static async listen(host: string, port: number, maxConnections: number): Promise<EarlyListener> {
    const server = createServer({
      ...CHUNK_BY_CHUNK,
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
    });
    const listener = new EarlyListener(server);
    server.maxConnections = maxConnections;
    server.listen(port, host);
    await once(server, 'listening');
    return listener;
  }

  /** From now on `serve` gets every connection, first those that waited. */
  serveWith(serve: (socket: Socket) => void): void {
    this.server.off('connection', this.#hold).on('connection', serve);
    for (const socket of this.#waiting) serve(socket);
    this.#waiting.clear();
  }

  /** Stops listening; the connections that waited are reset. */
  close(): void {
    this.server.close();
    for (const socket of this.#waiting) socket.resetAndDestroy();
  }
}
