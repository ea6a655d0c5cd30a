import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { CHUNK_BY_CHUNK, reset } from './tcp.js';

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
  static listen(host: string, port: number, maxConnections: number): Promise<EarlyListener> {
    return EarlyListener.#listen(maxConnections, (server) => server.listen(port, host));
  }

  /**
   * Listens on a Unix socket that only this user may connect to. One that a process has left behind is replaced.
   *
   * @throws the operating system's error if it cannot be had, `EADDRINUSE` if something listens there or is no socket.
   */
  static async listenUnix(path: string, maxConnections: number): Promise<EarlyListener> {
    await removeDeadSocket(path);
    return EarlyListener.#listen(maxConnections, (server) => {
      // The socket's file is made within the call.
      const umask = process.umask(0o177);
      try {
        server.listen(path);
      } finally {
        process.umask(umask);
      }
    });
  }

  static async #listen(maxConnections: number, listen: (server: Server) => void): Promise<EarlyListener> {
    const server = createServer({
      ...CHUNK_BY_CHUNK,
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
    });
    const listener = new EarlyListener(server);
    server.maxConnections = maxConnections;
    listen(server);
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
    for (const socket of this.#waiting) reset(socket);
  }
}

async function removeDeadSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats?.isSocket()) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.on('connect', () => resolve(true)).on('error', () => resolve(false));
    probe.on('connect', () => probe.destroy());
  });
  if (!isAlive) await rm(path, { force: true });
}
