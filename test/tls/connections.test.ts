import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createServer, Server as TlsServer, type TLSSocket } from 'node:tls';
import { afterEach, before, describe, it } from 'node:test';

import type { ConnectOptions } from '../../src/proxy/socket.js';
import type { TlsEngine } from '../../src/tls/engine.js';
import { TlsError } from '../../src/tls/errors.js';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, withTls, type ClientSocket } from '../../src/tls/socket.js';
import { issue, type Issued } from '../support/certificates.js';
import { ENGINES, tcpSockets } from './engines.js';

const limit = { timeout: 60_000 };
const HOST = 'service.example';
const utf8 = new TextEncoder();

describe('TLS over a connection', limit, () => {
  let root: Issued;
  let leaf: Issued;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  before(() => {
    root = issue({ name: 'Root', ca: true });
    leaf = issue({ name: 'leaf', hosts: [HOST] }, root);
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    // Destroyed below TLS, a socket would leave Node waiting for it when the process ends.
    const connected = server instanceof TlsServer ? 'secureConnection' : 'connection';
    server.on(connected, (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** A TLS server that leaves half-open what is half-open. */
  function serve(onSocket: (socket: TLSSocket) => void, options: object = {}): Promise<number> {
    const server = createServer(
      { key: leaf.keyPem, cert: leaf.pem, allowHalfOpen: true, ...options },
      (socket) => {
        socket.on('error', () => undefined);
        onSocket(socket);
      },
    );
    server.on('tlsClientError', () => undefined);
    return listen(server);
  }

  for (const [name, engineWith] of Object.entries(ENGINES)) {
    describe(`by ${name}`, limit, () => {
      let engine: TlsEngine;
      before(() => {
        engine = engineWith({ roots: root.pem });
      });

      function open(port: number, options: ConnectOptions = {}, timeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS) {
        const tls = { engine: () => Promise.resolve(engine), handshakeTimeoutMs: timeoutMs };
        return withTls(tcpSockets(port), tls)({ secureTransport: 'on', sni: HOST, ...options });
      }

      it('carries 10 MiB each way, exactly', limit, async (t) => {
        const port = await serve((socket) => socket.pipe(socket));
        const socket = open(port);
        const sent = randomBytes(10 * 1024 * 1024);
        const began = performance.now();
        const writing = (async () => {
          const writer = socket.writable.getWriter();
          for (let at = 0; at < sent.length; at += 100_000)
            await writer.write(sent.subarray(at, at + 100_000));
          await writer.close();
        })();
        const hash = createHash('sha256');
        for await (const chunk of socket.readable) hash.update(chunk);
        await writing;
        await socket.closed;
        t.diagnostic(`${Math.round(performance.now() - began)} ms`);
        assert.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
      });

      it('ends each side for itself', limit, async () => {
        const port = await serve((socket) => {
          socket.resume();
          socket.once('end', () => socket.end('after your end'));
        });
        const socket = open(port);
        const writer = socket.writable.getWriter();
        await writer.write(utf8.encode('all of it'));
        await writer.close();
        assert.equal(await new Response(socket.readable).text(), 'after your end');
        await socket.closed;
      });

      it('ends its side when the server has, unless it is told not to', limit, async () => {
        let got = '';
        let ended: () => void = () => undefined;
        const allEnded = new Promise<void>((resolve) => (ended = resolve));
        const port = await serve((socket) => {
          // Node loses the end of TLS while it still writes its tickets.
          setTimeout(() => socket.end('bye'), 200);
          socket.on('data', (data) => (got += String(data)));
          socket.on('end', () => {
            if (got !== '') ended();
          });
        });
        const socket = open(port);
        assert.equal(await new Response(socket.readable).text(), 'bye');
        await socket.closed;

        const half = open(port, { allowHalfOpen: true });
        assert.equal(await new Response(half.readable).text(), 'bye');
        const writer = half.writable.getWriter();
        await writer.write(utf8.encode('still here'));
        await writer.close();
        await half.closed;
        await allEnded;
        assert.equal(got, 'still here');
      });

      it('takes an end without that of TLS for an error, after all that came before it', limit, async () => {
        const upstream = await serve((socket) => {
          socket.write('half of');
          socket.on('data', () => undefined);
        });
        // Passes on what comes, and ends without a word once something is sent back to the server.
        const port = await listen(
          createTcpServer({ allowHalfOpen: true }, (client) => {
            const server = connect({ port: upstream, host: '127.0.0.1' });
            client.on('error', () => server.destroy());
            server.on('error', () => client.destroy());
            let sent = 0;
            client.on('data', (data) => {
              sent += 1;
              if (String(data).length > 0 && sent > 2) {
                client.end();
                server.destroy();
              } else server.write(data);
            });
            server.on('data', (data) => client.write(data));
            server.on('close', () => client.end());
          }),
        );
        const socket = open(port);
        const reader = socket.readable.getReader();
        const first = await reader.read();
        assert.equal(new TextDecoder().decode(first.value), 'half of');
        const writer = socket.writable.getWriter();
        writer.closed.catch(() => undefined);
        await writer.write(utf8.encode('cut it'));
        await assert.rejects(reader.read(), isTlsError('truncated'));
        await assert.rejects(socket.closed, isTlsError('truncated'));
      });

      it('says so if the connection ends within the handshake', limit, async () => {
        const port = await listen(createTcpServer((client) => client.once('data', () => client.end())));
        const socket = open(port);
        await assert.rejects(socket.opened, isTlsError('truncated'));
        await assert.rejects(socket.closed, isTlsError('truncated'));
      });

      it('gives a server up that does not answer', limit, async () => {
        const clients: Socket[] = [];
        const port = await listen(
          createTcpServer((client) => void clients.push(client.on('error', () => undefined))),
        );
        const socket = open(port, {}, 200);
        await assert.rejects(socket.opened, isTlsError('timeout'));
        for (const client of clients) {
          if (!client.closed) await new Promise((resolve) => client.once('close', resolve));
        }
      });

      it('takes what was changed on its way for an error', limit, async () => {
        const upstream = await serve((socket) => {
          socket.write('first');
          socket.once('data', () => socket.write('second'));
        });
        const port = await listen(
          createTcpServer((client) => {
            const server = connect({ port: upstream, host: '127.0.0.1' });
            let spoil = false;
            client.on('error', () => server.destroy());
            server.on('error', () => client.destroy());
            client.on('data', (data) => {
              spoil = upstreamHasSpoken;
              server.write(data);
            });
            let upstreamHasSpoken = false;
            server.on('data', (data) => {
              if (spoil) data.writeUInt8(data.readUInt8(data.length - 1) ^ 1, data.length - 1);
              client.write(data);
            });
            setTimeout(() => (upstreamHasSpoken = true), 300);
          }),
        );
        const socket = open(port);
        const reader = socket.readable.getReader();
        const { value } = await reader.read();
        assert.equal(new TextDecoder().decode(value), 'first');
        await new Promise((resolve) => setTimeout(resolve, 400));
        const writer = socket.writable.getWriter();
        writer.closed.catch(() => undefined);
        await writer.write(utf8.encode('go'));
        await assert.rejects(reader.read(), isTlsError('protocol'));
      });

      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        it(`resumes sessions of ${version}`, limit, async () => {
          const resumed: boolean[] = [];
          const port = await serve(
            (socket) => {
              resumed.push(socket.isSessionReused());
              socket.once('data', () => socket.end('ok'));
            },
            { minVersion: version, maxVersion: version },
          );
          const own = engineWith({ roots: root.pem });
          const tls = { engine: () => Promise.resolve(own), handshakeTimeoutMs: 10_000 };
          for (let count = 0; count < 3; count += 1) {
            const socket = withTls(tcpSockets(port), tls)({ secureTransport: 'on', sni: HOST });
            await exchange(socket, 'hi', 'ok');
          }
          assert.deepEqual(resumed, [false, true, true]);
        });
      }

      it('does not resume for another host what was agreed on with this one', limit, async () => {
        const port = await serve((socket) => socket.once('data', () => socket.end('ok')));
        await exchange(open(port), 'hi', 'ok');
        const other = open(port, { sni: 'other.example' });
        await assert.rejects(other.opened, isTlsError('certificate-name'));
      });

      it('holds the server back while nobody reads', limit, async () => {
        let written = 0;
        const port = await serve((socket) => {
          const chunk = Buffer.alloc(64 * 1024, 1);
          const more = () => {
            while (written < 64 * 1024 * 1024) {
              written += chunk.length;
              if (!socket.write(chunk)) return;
            }
          };
          socket.on('drain', more);
          more();
        });
        const socket = open(port);
        await socket.opened;
        let before = -1;
        // Until the buffers of the system are full.
        while (before < written) {
          before = written;
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        assert.ok(written < 32 * 1024 * 1024, `${written} bytes were taken`);
        const reader = socket.readable.getReader();
        for (let got = 0; got < 2 * 1024 * 1024;) got += (await reader.read()).value?.length ?? 0;
        await reader.cancel();
      });

      it('starts TLS once both sides have agreed in plain', limit, async () => {
        const upstream = await serve((socket) => socket.once('data', () => socket.end('in secret')));
        const port = await listen(
          createTcpServer({ allowHalfOpen: true }, (client) => {
            client.on('error', () => undefined);
            client.once('data', (data) => {
              assert.equal(String(data), 'STARTTLS\r\n');
              const server = connect({ port: upstream, host: '127.0.0.1', allowHalfOpen: true });
              server.on('error', () => undefined);
              client.write('OK\r\n');
              client.pipe(server).pipe(client);
            });
          }),
        );
        const plain = open(port, { secureTransport: 'starttls' });
        await plain.opened;
        const writer = plain.writable.getWriter();
        await writer.write(utf8.encode('STARTTLS\r\n'));
        const reader = plain.readable.getReader();
        assert.equal(new TextDecoder().decode((await reader.read()).value), 'OK\r\n');
        assert.throws(() => plain.startTls(), isTlsError('options'));
        reader.releaseLock();
        writer.releaseLock();
        const secure = plain.startTls();
        assert.equal(plain.upgraded, true);
        assert.throws(() => plain.startTls(), isTlsError('options'));
        await exchange(secure, 'now', 'in secret');
      });

      it('gives up at once when it is closed, whatever is under way', limit, async () => {
        const port = await serve((socket) => socket.resume());
        const socket = open(port);
        await socket.opened;
        const read = socket.readable.getReader().read();
        await socket.close();
        await assert.rejects(read);
        const waiting = open(await listen(createTcpServer((client) => client.on('error', () => undefined))));
        const reason = new Error('enough');
        setTimeout(() => void waiting.close(reason).catch(() => undefined), 100);
        await assert.rejects(waiting.opened, reason);
        await assert.rejects(waiting.closed, reason);
      });

      it('says what is wrong with what it is asked for', limit, async () => {
        const wrong: readonly ConnectOptions[] = [
          { sni: undefined },
          { sni: 'with space.example' },
          { sni: 'bücher.example' },
          { alpn: [''] },
          { alpn: ['x'.repeat(256)] },
        ];
        for (const options of wrong) {
          const socket = open(1, options);
          await assert.rejects(socket.opened, isTlsError('options'), JSON.stringify(options));
          await assert.rejects(socket.closed, isTlsError('options'));
          await assert.rejects(socket.readable.getReader().read(), isTlsError('options'));
        }
      });
    });
  }
});

async function exchange(socket: ClientSocket, question: string, answer: string): Promise<void> {
  const writer = socket.writable.getWriter();
  await writer.write(utf8.encode(question));
  writer.releaseLock();
  assert.equal(await new Response(socket.readable).text(), answer);
  await socket.closed;
}

function isTlsError(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TlsError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}
