import { connect, type Socket } from 'node:net';

import type { Connect, TunnelSocket } from '../../src/proxy/socket.js';

/** The sockets that a {@link TcpConnect} has opened. */
export interface TcpConnect {
  /** Opens a TCP connection to 127.0.0.1 as if it were one through the tunnel. */
  readonly connect: Connect;
  /** All so far, the first one first. */
  readonly sockets: readonly Socket[];
  /** How many are open now. */
  readonly openCount: () => number;
  /** Settles when all have closed. */
  readonly allClosed: () => Promise<void>;
}

/** A `Connect` over plain TCP. */
export function tcpConnect(port: number): TcpConnect {
  const sockets: Socket[] = [];
  return {
    connect(options = {}) {
      const { allowHalfOpen = false, signal } = options;
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen, noDelay: true });
      sockets.push(socket);
      return tunnelSocketOf(socket, signal);
    },
    sockets,
    openCount: () => sockets.filter((socket) => !socket.destroyed).length,
    async allClosed() {
      const closed = (socket: Socket) =>
        new Promise<void>((resolve) =>
          socket.closed ? resolve() : void socket.once('close', () => resolve()),
        );
      await Promise.all(sockets.map(closed));
    },
  };
}

function tunnelSocketOf(socket: Socket, signal: AbortSignal | undefined): TunnelSocket {
  let failure: Error | undefined;
  socket.on('error', (error) => (failure = error));
  const broken = () => failure ?? new Error('the socket was closed');
  const opened = new Promise<{ remoteAddress: string }>((resolve, reject) => {
    socket.on('connect', () => resolve({ remoteAddress: 'tcp' })).on('close', () => reject(broken()));
  });
  const closed = new Promise<void>((resolve, reject) => {
    const complete = () => socket.readableEnded && socket.writableFinished && failure === undefined;
    socket.on('close', () => (complete() ? resolve() : reject(broken())));
  });
  for (const promise of [opened, closed]) promise.catch(() => undefined);
  const close = (reason?: unknown) => {
    socket.destroy(reason instanceof Error ? reason : undefined);
    return closed;
  };
  signal?.addEventListener('abort', () => void close(signal.reason));
  return {
    readable: readableOf(socket, broken),
    writable: writableOf(socket, broken),
    opened,
    closed,
    close,
  };
}

function readableOf(socket: Socket, broken: () => Error): ReadableStream<Uint8Array> {
  let wake: () => void = () => undefined;
  for (const event of ['readable', 'end', 'close']) socket.on(event, () => wake());
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      for (;;) {
        const bytes = socket.read() as Uint8Array | null;
        if (bytes !== null) {
          // What is enqueued is transferred, and Node's buffers share their memory.
          controller.enqueue(new Uint8Array(bytes));
          return;
        }
        if (socket.readableEnded) {
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
        if (socket.destroyed) throw broken();
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    cancel: () => void socket.destroy(),
  });
}

function writableOf(socket: Socket, broken: () => Error): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start(controller) {
      socket.on('close', () => controller.error(broken()));
      controller.signal.addEventListener('abort', () => socket.destroy());
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => new Promise<void>((resolve) => void socket.end(() => resolve())),
  });
}
