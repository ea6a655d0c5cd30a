import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';

import { connectTcp, parseTcpAddress } from '../../src/node/tcp.js';
import { SessionServer } from '../../src/proxy/server.js';
import type { SessionLimits } from '../../src/proxy/session-limits.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { MAX_WINDOW, SEND_BUFFER } from '../../src/session/limits.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';
import { Pattern, PatternReader, sendPattern } from '../support/pattern.js';
import { MEBIBYTE, readToEnd, resetCode, TestUpstream } from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 30_000 };

/** What the kernel's buffers of a TCP connection on one machine may hold, at both of its ends together. */
const KERNEL_BYTES = 7 * MEBIBYTE;

/**
 * What a server may hold of one session: a window that is not acknowledged, counted again for what of it the mixnet
 * client may hold, and what waits to be sent.
 */
const MOST_HELD = 2 * MAX_WINDOW + 2 * SEND_BUFFER;

const toldBy = (by: 'us' | 'peer', code: SessionErrorCode) => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === by;

describe('a server whose upstream', TIME_LIMIT, () => {
  let mixnet: MemoryMixnet;
  let opener: SessionOpener;
  let server: SessionServer;
  let served: Promise<void>;
  const stop = { now: new AbortController() };
  let upstream: TestUpstream;
  let handle: (socket: Socket) => void;

  function serve(limits: Partial<SessionLimits> = {}, address = upstream.address): void {
    server = new SessionServer({
      connectUpstream: (signal) => connectTcp(parseTcpAddress(address), signal, limits.connectTimeoutMs),
      limits,
    });
    served = server.serve(mixnet.client('server'), stop.now.signal);
    opener = new SessionOpener(mixnet.client('client'));
  }

  beforeEach(async () => {
    mixnet = new MemoryMixnet();
    stop.now = new AbortController();
    upstream = await TestUpstream.start((socket) => handle(socket));
  });

  afterEach(async () => {
    await opener.close();
    stop.now.abort();
    await served;
    await server.close();
    await upstream[Symbol.asyncDispose]();
    mixnet.close();
  });

  async function say(session: Session, text: string): Promise<void> {
    const writer = session.writable.getWriter();
    await writer.write(Buffer.from(text));
    writer.releaseLock();
  }

  /** The server works as before. */
  async function assertHealthy(): Promise<void> {
    handle = (socket) => void socket.pipe(socket);
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    const sending = writer.write(Buffer.from('well?')).then(() => writer.close());
    assert.equal((await buffer(session.readable)).toString(), 'well?');
    await sending;
  }

  it('refuses says so', TIME_LIMIT, async () => {
    const { address } = upstream;
    await upstream[Symbol.asyncDispose]();
    serve({}, address);
    const session = opener.open('server');
    await assert.rejects(session.closed, toldBy('peer', 'refused'));
    upstream = await TestUpstream.start(() => undefined);
  });

  it('never accepts gives up in time', TIME_LIMIT, async (t) => {
    serve({ connectTimeoutMs: 300 }, await deafUpstream(t));
    const session = opener.open('server');
    await assert.rejects(session.closed, toldBy('peer', 'timeout'));
    assert.equal(server.counts.sessionsOpen, 0);
  });

  it('accepts and says nothing waits as long as it may, and then lets go of it', TIME_LIMIT, async () => {
    serve({ idleTimeoutMs: 200 });
    const left = new Promise<string | undefined>((resolve) => {
      handle = (socket) => resolve(resetCode(socket));
    });
    const session = opener.open('server');
    await say(session, 'anyone there?');
    await assert.rejects(session.closed, toldBy('peer', 'timeout'));
    assert.equal(await left, 'ECONNRESET');
    assert.equal(server.counts.refusals.get('idle'), 1);
  });

  it('says nothing is left at once when the application gives up', TIME_LIMIT, async () => {
    serve();
    const asked = new Promise<Socket>((resolve) => {
      handle = (socket) => socket.once('data', () => resolve(socket));
    });
    const session = opener.open('server');
    await say(session, 'anyone there?');
    const ended = assert.rejects(session.closed, toldBy('us', 'aborted'));
    // A reset that comes sooner cuts the connection off before it is made.
    const left = resetCode(await asked);
    await session.readable.cancel();
    await ended;
    assert.equal(await left, 'ECONNRESET');
    await assertHealthy();
  });

  it('resets in the middle shows no wrong byte before, and says so', TIME_LIMIT, async () => {
    serve();
    const pattern = new Pattern(24 * MEBIBYTE);
    handle = (socket) => {
      void sendPattern(socket, pattern);
      socket.once('data', () => socket.resetAndDestroy());
    };
    const session = opener.open('server');
    const reader = session.readable.getReader();
    let received = 0;
    const reading = async () => {
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined) return;
        assert.ok(pattern.matches(received, Buffer.from(value)));
        if (received === 0) await say(session, 'enough');
        received += value.length;
      }
    };
    await assert.rejects(reading(), toldBy('peer', 'upstream-reset'));
    assert.ok(received > 0 && received < pattern.length);
    await assertHealthy();
  });

  it('dribbles is heard exactly, with many bytes to a message', TIME_LIMIT, async () => {
    serve();
    const bytes = 3000;
    const pattern = new Pattern(bytes);
    handle = (socket) => {
      socket.setNoDelay(true);
      void sendPattern(socket, pattern, 1);
    };
    const session = opener.open('server');
    const before = mixnet.sent;
    assert.ok(pattern.matches(0, await buffer(session.readable)));
    assert.equal(session.stats().bytesReceived, bytes);
    assert.ok(mixnet.sent - before < bytes / 2, `${mixnet.sent - before} messages`);
  });

  it('half-closes first still hears everything', TIME_LIMIT, async () => {
    serve();
    const pattern = new Pattern(300_000);
    const heard = new Promise<Buffer>((resolve) => {
      handle = (socket) => {
        socket.end('all there is');
        resolve(readToEnd(socket));
      };
    });
    const session = opener.open('server');
    assert.equal((await buffer(session.readable)).toString(), 'all there is');
    const writer = session.writable.getWriter();
    for (let sent = 0; sent < pattern.length;) {
      const piece = pattern.from(sent, 50_000);
      await writer.write(piece);
      sent += piece.length;
    }
    await writer.close();
    const received = await heard;
    assert.equal(received.length, pattern.length);
    assert.ok(pattern.matches(0, received));
    await session.closed;
  });

  /** Until nothing is taken from the upstream any more, turn after turn. */
  async function standstill(socket: Socket): Promise<number> {
    const taken = () => socket.bytesWritten - socket.writableLength;
    for (let [before, still] = [-1, 0]; still < 20;) {
      still = before === taken() ? still + 1 : 0;
      before = taken();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return taken();
  }

  it(
    'floods is held back while nobody reads, and its bytes are all there when somebody does',
    TIME_LIMIT,
    async () => {
      const pattern = new Pattern(24 * MEBIBYTE);
      // The server resets whoever makes it hold more.
      serve({ maxBufferedBytes: MOST_HELD });
      const accepted = new Promise<Socket>((resolve) => {
        handle = (socket) => {
          void sendPattern(socket, pattern);
          resolve(socket);
        };
      });
      const session = opener.open('server');
      const socket = await accepted;
      const taken = await standstill(socket);
      assert.ok(taken < MAX_WINDOW + SEND_BUFFER + MEBIBYTE + KERNEL_BYTES, `${taken} bytes were taken`);
      assert.ok(session.stats().bytesBuffered <= MAX_WINDOW, `${session.stats().bytesBuffered} bytes held`);

      let received = 0;
      for await (const chunk of session.readable as unknown as AsyncIterable<Uint8Array>) {
        assert.ok(pattern.matches(received, Buffer.from(chunk)));
        received += chunk.length;
        assert.ok(session.stats().bytesBuffered <= MAX_WINDOW);
        if (received > 4 * MEBIBYTE) break;
      }
      // Leaving the loop has cancelled the stream: the upstream is told.
      assert.equal(await resetCode(socket), 'ECONNRESET');
      await assertHealthy();
    },
  );

  it('does not read holds the application back, and goes on when it does', TIME_LIMIT, async () => {
    const pattern = new Pattern(10 * MEBIBYTE);
    serve({ maxBufferedBytes: MOST_HELD });
    const accepted = new Promise<Socket>((resolve) => {
      handle = (socket) => resolve(socket.pause());
    });
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    let written = 0;
    const writing = (async () => {
      while (written < pattern.length) {
        const piece = pattern.from(written, 64 * 1024);
        await writer.write(piece);
        written += piece.length;
      }
      await writer.close();
    })();
    const socket = await accepted;
    for (let [before, still] = [-1, 0]; still < 20;) {
      still = before === written ? still + 1 : 0;
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(written < pattern.length, 'everything was taken');
    assert.ok(
      session.stats().bytesBuffered <= MAX_WINDOW + 2 * SEND_BUFFER,
      `${session.stats().bytesBuffered} bytes held`,
    );
    const reader = new PatternReader(socket, pattern);
    assert.equal(await reader.ended, 'whole');
    socket.end();
    await writing;
    await session.readable.cancel().catch(() => undefined);
  });
});

/** The address of a process that listens, and whose full queue takes no more connections. */
async function deafUpstream(t: TestContext): Promise<string> {
  const script = `
    const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const address = { host: '127.0.0.1', port: Number(port.toString()) };
  const fillers = Array.from({ length: 8 }, () => connect(address).on('error', () => undefined));
  t.after(() => {
    for (const filler of fillers) filler.destroy();
  });
  // The queue has room for two; who comes later is not answered.
  await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')));
  return `${address.host}:${address.port}`;
}
