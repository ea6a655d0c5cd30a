import { connect } from 'node:net';

import { streamsOf } from '../../src/node/tcp.js';
import type { Connect } from '../../src/proxy/socket.js';

/** Opens plain TCP connections to a port of this machine, in the shape of the tunnel's. */
export function tcpConnect(port: number): Connect {
  return () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const streams = streamsOf(socket);
    const opened = new Promise<{ remoteAddress: string }>((resolve, reject) => {
      socket.once('connect', () => resolve({ remoteAddress: 'tcp' })).once('error', reject);
    });
    const closed = new Promise<void>((resolve, reject) => {
      socket.once('close', () => {
        if (socket.readableEnded && socket.writableFinished) resolve();
        else reject(new Error('the connection was reset'));
      });
    });
    closed.catch(() => undefined);
    const close = () => {
      streams.reset();
      return closed;
    };
    return { readable: streams.readable, writable: streams.writable, opened, closed, close };
  };
}
