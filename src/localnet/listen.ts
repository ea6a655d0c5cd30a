/**
 * Servers that start to listen, or say why they cannot.
 *
 * @module
 */
import { once } from 'node:events';
import type { Server } from 'node:net';
import { LocalnetError } from './errors.js';
import { formatNodeAddress } from './node-address.js';

/**
 * Settles once `server` listens.
 *
 * @param what names the server in the error
 * @throws {LocalnetError} `port-in-use` or `listen-failed`
 */
export async function listen(server: Server, host: string, port: number, what: string): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, formatNodeAddress({ host, port }), what);
  }
}

function listenError(error: unknown, address: string, what: string): LocalnetError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new LocalnetError(
      'port-in-use',
      `${address}, ${what}, is in use by another program. End that program, or choose another port.`,
      { cause: error },
    );
  }
  return new LocalnetError('listen-failed', `${address}, ${what}, cannot be listened on: ${message}`, {
    cause: error,
  });
}
