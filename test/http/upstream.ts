import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

import { HttpClient, type HttpClientOptions } from '../../src/http/index.js';
import { tcpConnect, type TcpConnect } from '../support/tcp-connect.js';

/** So that no socket closes for having been idle, where a test waits for it to close for another reason. */
const LONG_MS = 600_000;

/** A client and the upstream that its sockets lead to; all of it ends with the test. */
export interface Upstream extends AsyncDisposable {
  readonly client: HttpClient;
  readonly tcp: TcpConnect;
}

type ClientOptions = Omit<HttpClientOptions, 'connect'>;

/** An upstream that speaks HTTP. */
export async function httpUpstream(onRequest: RequestListener, options?: ClientOptions): Promise<Upstream> {
  return upstream(createServer(onRequest), options);
}

/** An upstream that does with its connections what the test says. */
export async function tcpUpstream(
  onSocket: (socket: Socket) => void,
  options?: ClientOptions,
): Promise<Upstream> {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  return upstream(server, options);
}

/** An upstream that answers each request, which may have no body, with the next of these texts, byte for byte. */
export async function cannedUpstream(answers: readonly string[], options?: ClientOptions): Promise<Upstream> {
  const left = [...answers];
  return tcpUpstream((socket) => {
    onRequestHead(socket, () => void socket.write(left.shift() ?? '', 'latin1'));
    socket.on('end', () => socket.end());
  }, options);
}

/** Calls back with the head of every request, which may have no body. */
export function onRequestHead(socket: Socket, onHead: (head: string) => void): void {
  let text = '';
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data;
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end + 4);
      text = text.slice(end + 4);
      onHead(head);
    }
  });
}

async function upstream(server: Server, options: ClientOptions = {}): Promise<Upstream> {
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => accepted.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tcp = tcpConnect((server.address() as AddressInfo).port);
  const client = new HttpClient({ connect: tcp.connect, idleMs: LONG_MS, ...options });
  return {
    client,
    tcp,
    async [Symbol.asyncDispose]() {
      await client.close();
      for (const socket of accepted) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
