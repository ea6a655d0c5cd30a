/**
 * A WebSocket by `ws` through the tunnel, with an agent.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';

import { WebSocket, WebSocketServer } from 'ws';

import { runClientExample } from './client-of.js';

await runClientExample(
  () => {
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (data: Buffer) => socket.send(`you said: ${data.toString()}`));
    });
    return server;
  },
  async (client) => {
    const agent = client.agent();
    const socket = new WebSocket('ws://upstream/', { agent });
    await once(socket, 'open');
    socket.send('hello');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    console.log(String(answer));
    socket.close();
    await once(socket, 'close');
    agent.destroy();
  },
);
