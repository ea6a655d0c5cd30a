import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';

import { NymProxyClient } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { connectTo, readToEnd, sha256, TestNetwork, TestUpstream, type Upstream } from '../support/tunnel.js';
import { PEERS_FOLDER, startRustClient, startRustServer } from './rust-binaries.js';

const TIME_LIMIT = { timeout: 600_000 };

/** How often each transfer is made. */
const RUNS = Number(process.env['NYM_PEERS_RUNS'] ?? 1);

const ECHOED_BYTES = 100_000;
const UPLOADED_BYTES = Number(process.env['NYM_PEERS_UPLOAD'] ?? 1024 * 1024);

const traffic = process.env['NYM_PEERS_TRAFFIC'] === 'default' ? 'default' : 'fast';

/** Says what came when the upload is complete: its end does not always come through. */
function hashOf(bytes: number): Upstream {
  return (socket) => {
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytes) socket.write(sha256(Buffer.concat(chunks)));
    });
    socket.on('end', () => socket.end());
  };
}

/** The next so many bytes that come. */
async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let missing = length; missing > 0;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded) throw new Error(`the end, ${missing} bytes too early`);
      if (socket.destroyed) throw socket.errored ?? new Error('closed');
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    chunks.push(chunk);
    missing -= chunk.length;
  }
  return Buffer.concat(chunks);
}

async function repeat(what: string, run: () => Promise<void>): Promise<void> {
  let right = 0;
  const wrong: string[] = [];
  for (let number = 0; number < RUNS; number += 1) {
    const started = performance.now();
    try {
      await run();
      right += 1;
    } catch (error) {
      wrong.push(error instanceof Error ? error.message : String(error));
    }
    console.log(`${what}: run ${number + 1}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  console.log(`${what}: ${right} of ${RUNS} right`);
  assert.deepEqual(wrong, []);
}

async function upload(socket: Socket): Promise<void> {
  const sent = randomBytes(UPLOADED_BYTES);
  socket.write(sent);
  assert.equal((await readExactly(socket, 64)).toString(), sha256(sent), 'other bytes arrived');
}

async function echo(socket: Socket): Promise<void> {
  const sent = randomBytes(ECHOED_BYTES);
  socket.write(sent);
  assert.equal(sha256(await readExactly(socket, ECHOED_BYTES)), sha256(sent), 'other bytes came back');
}

if (PEERS_FOLDER === undefined) {
  console.log('The suite of real Rust peers did not run: NYM_PEERS names no folder with their binaries.');
} else {
  const folder = PEERS_FOLDER;

  describe('the published Rust server, with our client', TIME_LIMIT, () => {
    async function through(handle: Upstream, use: (socket: Socket) => Promise<void>, what: string) {
      await using network = await TestNetwork.start({ gateways: 1 });
      await using upstream = await TestUpstream.start(handle);
      const [gateway] = network.localnet.gateways;
      assert.ok(gateway);
      const { env, directory: home } = network;
      await using server = await startRustServer(folder, {
        env,
        upstream: upstream.address,
        home,
        gateway: gateway.identity,
      });
      await using client = await NymProxyClient.create({
        env,
        serverAddress: server.address,
        listenPort: 0,
        poolSize: 1,
        traffic,
        closeTimeoutMs: 5_000,
      });
      await repeat(what, async () => {
        const socket = connectTo(client);
        try {
          await Promise.race([use(socket), failAfter(180_000)]);
        } finally {
          socket.destroy();
        }
      });
    }

    it('takes uploads', TIME_LIMIT, () => through(hashOf(UPLOADED_BYTES), upload, 'ours to Rust, upload'));
    it('echoes', TIME_LIMIT, () => through((socket) => void socket.pipe(socket), echo, `ours to Rust, echo`));
    it('answers a request with its end', TIME_LIMIT, () =>
      through(
        (socket) => void readToEnd(socket).then((all) => socket.end(all.toString().toUpperCase())),
        async (socket) => {
          socket.end('a request');
          assert.equal((await readToEnd(socket)).toString(), 'A REQUEST');
        },
        'ours to Rust, half-close',
      ),
    );
  });

  describe('the published Rust client, with our server', TIME_LIMIT, () => {
    async function through(handle: Upstream, use: (socket: Socket) => Promise<void>, what: string) {
      await using network = await TestNetwork.start({ gateways: 1 });
      await using upstream = await TestUpstream.start(handle);
      const { env, directory: home } = network;
      await using server = await NymProxyServer.create({ env, upstream: upstream.address, traffic });
      void server.run();
      await using client = await startRustClient(folder, { env, server: server.nymAddress, home });
      await repeat(what, async () => {
        const socket = connect({ port: client.port, host: '127.0.0.1', allowHalfOpen: true });
        socket.on('error', () => undefined);
        try {
          await Promise.race([use(socket), failAfter(180_000)]);
        } finally {
          socket.destroy();
        }
      });
    }

    it('echoes', TIME_LIMIT, () => through((socket) => void socket.pipe(socket), echo, 'Rust to ours, echo'));
    it('sends uploads', TIME_LIMIT, () => through(hashOf(UPLOADED_BYTES), upload, 'Rust to ours, upload'));
  });
}

async function failAfter(ms: number): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  throw new Error(`not complete in ${ms / 1000} s`);
}
