import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { CHUNK_BY_CHUNK, connectTcp, streamsOf } from '../../src/node/tcp.js';
import { joinStreams } from '../../src/proxy/join.js';
import { SessionServer } from '../../src/proxy/server.js';
import { SessionOpener } from '../../src/session/opener.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

const ANSWER = `HTTP/1.1 413 Content Too Large\r\nContent-Length: 3000\r\nConnection: close\r\n\r\n${'x'.repeat(3000)}`;

/** Calls `serve` for each connection. */
async function listen(serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ ...CHUNK_BY_CHUNK, allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** Sends `bytes` to a port and reads all that comes back; tells how it ended. */
function upload(port: number, bytes: number): Promise<{ readonly answer: string; readonly end: string }> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('end', () => resolve({ answer, end: 'end' }));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ answer, end: error.code ?? 'error' }));
    socket.on('close', () => resolve({ answer, end: 'close' }));
    socket.write(Buffer.alloc(bytes, 'u'));
  });
}

/** How an upstream ends after its answer, without reading the request to its end. */
const UPSTREAMS: Readonly<Record<string, (socket: Socket) => void>> = {
  'closes 20 ms later': (socket) => {
    socket.write(ANSWER);
    setTimeout(() => socket.destroy(), 20);
  },
  'ends, then closes': (socket) => {
    socket.end(ANSWER);
    setTimeout(() => socket.destroy(), 20);
  },
  'resets 20 ms later': (socket) => {
    socket.write(ANSWER);
    setTimeout(() => socket.resetAndDestroy(), 20);
  },
};

describe('the answer of a server that does not read the request', { timeout: 120_000 }, () => {
  const closing: (() => void)[] = [];
  const tunnels = new Map<string, number>();

  before(async () => {
    for (const [name, serve] of Object.entries(UPSTREAMS)) {
      const upstream = await listen(serve);
      const mixnet = new MemoryMixnet();
      mixnet.fate = () => [20 + Math.random() * 20];
      const server = new SessionServer({
        connectUpstream: (signal) => connectTcp({ host: '127.0.0.1', port: portOf(upstream) }, signal),
      });
      const stop = new AbortController();
      void server.serve(mixnet.client('server'), stop.signal);
      const opener = new SessionOpener(mixnet.client('client'));
      const front = await listen((socket) => {
        const session = opener.open('server');
        joinStreams(session, streamsOf(socket, 'aborted'), new AbortController().signal).catch(
          () => undefined,
        );
      });
      tunnels.set(name, portOf(front));
      closing.push(() => {
        stop.abort();
        front.close();
        upstream.close();
        void Promise.all([opener.close(), server.close()]).finally(() => mixnet.close());
      });
    }
  });

  after(() => {
    for (const close of closing) close();
  });

  for (const name of Object.keys(UPSTREAMS)) {
    for (const bytes of [200, 20_000, 60_000, 300_000]) {
      it(`that ${name} is whole, after ${bytes} bytes of it`, async () => {
        const port = tunnels.get(name) ?? 0;
        const answers = await Promise.all(Array.from({ length: 18 }, () => upload(port, bytes)));
        const whole = answers.filter(({ answer }) => answer === ANSWER);
        assert.equal(whole.length, 18, answers.map(({ answer, end }) => `${answer.length} ${end}`).join());
      });
    }
  }
});
