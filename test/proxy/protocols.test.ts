import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { UpstreamConnection } from '../../src/proxy/join.js';
import { envelopeOf, PROTOCOLS, type Protocol, type ServerProtocol } from '../../src/proxy/protocol.js';
import { SessionServer, type SessionServerOptions } from '../../src/proxy/server.js';
import { parseAccessToken } from '../../src/session/access-proof.js';
import { SessionError } from '../../src/session/errors.js';
import { SessionOpener, type OpenerOptions } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';
import { RustStreams } from '../support/rust-streams.js';

const TIME_LIMIT = { timeout: 20_000 };
const TOKEN = 'correct-horse-battery';
const SILENCE_MS = 100;

const OTHER: Readonly<Record<Protocol, Protocol>> = { 'tcp-proxy': 'stream', stream: 'tcp-proxy' };

const refusedWith = (code: string) => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === 'peer';

function echo(): UpstreamConnection {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  return { readable, writable, failure: undefined, fail: () => Promise.resolve(), reset: () => undefined };
}

/** Says this and ends; whatever comes is dropped. */
function saying(bytes: Uint8Array): UpstreamConnection {
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return {
    readable,
    writable: new WritableStream(),
    failure: undefined,
    fail: () => Promise.resolve(),
    reset: () => undefined,
  };
}

async function assertEchoes(session: Session): Promise<void> {
  const bytes = randomBytes(100_000);
  const writer = session.writable.getWriter();
  const sent = writer.write(bytes).then(() => writer.close());
  const received = await buffer(session.readable);
  await sent;
  assert.ok(Buffer.compare(Buffer.from(received), bytes) === 0);
  await session.closed;
}

describe('a server of both protocols', TIME_LIMIT, () => {
  let mixnet: MemoryMixnet;
  let stop: AbortController;
  let names: (string | undefined)[];
  let closing: (() => Promise<void>)[];

  beforeEach(() => {
    mixnet = new MemoryMixnet();
    stop = new AbortController();
    names = [];
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing) await close();
    mixnet.close();
  });

  function serve(options: Partial<SessionServerOptions> = {}): SessionServer {
    const server = new SessionServer({
      connectUpstream: (_, name) => {
        names.push(name);
        return Promise.resolve(echo());
      },
      ...options,
    });
    const served = server.serve(mixnet.client('server'), stop.signal);
    closing.push(async () => {
      stop.abort();
      await served;
      await server.close();
    });
    return server;
  }

  function opener(protocol: Protocol, options: Partial<OpenerOptions> = {}): SessionOpener {
    const client = mixnet.client(`client ${closing.length}`);
    const one = new SessionOpener(client, {
      envelope: envelopeOf(protocol),
      ...options,
    });
    closing.unshift(() => one.close());
    return one;
  }

  it('carries connections of either at once, and counts them together', async () => {
    const server = serve();
    const openers = PROTOCOLS.map((protocol) => opener(protocol));
    await Promise.all(
      openers.flatMap((one) => [one, one, one]).map((one) => assertEchoes(one.open('server'))),
    );
    while (server.counts.sessionsOpen > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(server.counts.sessionsOpened, 6);
    assert.deepEqual([...server.counts.resets], []);
  });

  for (const protocol of PROTOCOLS) {
    it(`has one limit for both: a ${protocol} leaves no room for a ${OTHER[protocol]}`, async () => {
      const server = serve({ limits: { maxSessions: 1 } });
      const arrived = new Promise((resolve) => server.on('session', resolve));
      opener(protocol).open('server');
      await arrived;
      await assert.rejects(opener(OTHER[protocol]).open('server').closed, refusedWith('limit'));
      assert.equal(server.counts.refusals.get('sessions'), 1);
    });
  }

  for (const protocol of PROTOCOLS) {
    it(`lets in only who has a token, and leads to the upstream asked for, over ${protocol}`, async () => {
      serve({ tokens: () => [TOKEN], hasUpstream: (name) => name === 'ssh' });
      const token = parseAccessToken(TOKEN);
      await assert.rejects(opener(protocol).open('server').closed, refusedWith('token'));
      const wrong = parseAccessToken('incorrect-horse-battery');
      const liar = opener(protocol, { wants: { token: wrong, upstream: 'ssh' } });
      await assert.rejects(liar.open('server').closed, refusedWith('token'));
      const lost = opener(protocol, { wants: { token, upstream: 'nowhere' } });
      await assert.rejects(lost.open('server').closed, refusedWith('no-upstream'));
      await assertEchoes(opener(protocol, { wants: { token, upstream: 'ssh' } }).open('server'));
      assert.deepEqual(names, ['ssh']);
    });

    it(`takes no other than ${protocol} if told so`, async () => {
      const server = serve({ protocol });
      const reports: string[] = [];
      server.on('session', () => reports.push('session'));
      const unheard = opener(OTHER[protocol]).open('server');
      await unheard.writable.getWriter().write(new Uint8Array(100));
      while (unheard.stats().bytesSent < 100) await new Promise((resolve) => setTimeout(resolve, 1));
      await assertEchoes(opener(protocol).open('server'));
      assert.deepEqual([reports.length, unheard.mode], [1, 'unknown']);
    });
  }

  it('serves a Rust stream, and lets it go when it is silent after the upstream has ended', async () => {
    const bytes = randomBytes(3000);
    const server = serve({
      connectUpstream: () => Promise.resolve(saying(bytes)),
      closeTimeoutMs: SILENCE_MS,
    });
    const ended = new Promise((resolve) => server.on('end', resolve));
    const rust = await new RustStreams(mixnet.client('rust')).open('server');
    await rust.write(new Uint8Array(10));
    assert.ok(Buffer.compare(await rust.readExactly(bytes.length), bytes) === 0);
    await ended;
    assert.equal(server.counts.sessionsOpen, 0);
  });

  it('is not needed: a client over streams reads what a Rust peer says until it falls silent', async () => {
    const rust = new RustStreams(mixnet.client('server'));
    const session = opener('stream', { closeTimeoutMs: SILENCE_MS }).open('server');
    const writer = session.writable.getWriter();
    void writer.write(new Uint8Array(500)).then(() => writer.close());
    const peer = await rust.accept();
    await peer.write(await peer.readExactly(500));
    assert.equal((await buffer(session.readable)).length, 500);
    await session.closed;
    rust.close();
  });

  it('is told by name', () => {
    const options = { connectUpstream: () => Promise.resolve(echo()) };
    const bogus = 'udp' as ServerProtocol;
    assert.throws(() => new SessionServer({ ...options, protocol: bogus }), RangeError);
    assert.throws(
      () => envelopeOf('both' as Protocol),
      /protocol must be one of tcp-proxy, stream, not both/,
    );
  });
});
