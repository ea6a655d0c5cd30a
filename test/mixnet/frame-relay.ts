import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { WebSocket, WebSocketServer } from 'ws';

/** A WebSocket relay in front of a gateway that can put words into its mouth. */
export interface FrameRelay extends AsyncDisposable {
  readonly port: number;
  sayToClients(text: string): void;
}

export async function relayFrames(port: number): Promise<FrameRelay> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (near) => {
    const far = new WebSocket(`ws://127.0.0.1:${port}/`);
    const opened = once(far, 'open');
    near.on('message', (data, binary) => void opened.then(() => far.send(data, { binary })));
    far.on('message', (data, binary) => near.send(data, { binary }));
    near.on('close', () => far.close());
    far.on('close', () => near.close());
  });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sayToClients(text) {
      for (const client of server.clients) client.send(text);
    },
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}
