import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP server that sends back what it gets. */
export interface EchoUpstream extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
}

/** @param onBytes told how many bytes are being sent back. */
export async function startEchoUpstream(onBytes?: (bytes: number) => void): Promise<EchoUpstream> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    // A reset is the other side's affair.
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => onBytes?.(bytes.length));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  return {
    address: `${address}:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
