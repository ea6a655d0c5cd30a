import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** A host that nobody is to contact: it notes whoever does, by TCP or UDP. */
export interface Decoy {
  /** `host:port` */
  readonly address: string;
  /** What arrived: the first line of each TCP connection, or that there was a UDP packet. */
  readonly contacts: string[];
  close(): Promise<void>;
}

export async function startDecoy(): Promise<Decoy> {
  const contacts: string[] = [];
  const server = createServer((socket) => {
    const at = contacts.push('TCP connection') - 1;
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      contacts[at] = bytes.toString('latin1').split('\r\n')[0] ?? '';
      socket.end('HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const datagrams = createSocket('udp4');
  datagrams.on('message', () => contacts.push('UDP packet'));
  datagrams.bind(port, '127.0.0.1');
  await once(datagrams, 'listening');
  return {
    address: `127.0.0.1:${port}`,
    contacts,
    async close() {
      datagrams.close();
      server.close();
      await once(server, 'close');
    },
  };
}
