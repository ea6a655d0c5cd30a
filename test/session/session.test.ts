import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import fc from 'fast-check';
import { v4 } from 'uuid';

import { SessionAcceptor } from '../../src/session/acceptor.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { INITIAL_WINDOW, SEND_BUFFER } from '../../src/session/limits.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { decodeFrames, encodeFrames } from '../../src/wire/frame.js';
import { anonymousMessagePackets, EXTENDED_PACKET_BYTES } from '../../src/wire/packet-count.js';
import {
  decodeProxiedMessage,
  encodeProxiedMessage,
  type ProxiedMessage,
} from '../../src/wire/proxied-message.js';
import { newSessionId } from '../../src/wire/session-id.js';
import { MemoryMixnet, type MemoryClient } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 20_000 };

const resetWith = (code: SessionErrorCode, by: 'us' | 'peer') => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === by;

async function write(session: Session, bytes: Uint8Array): Promise<void> {
  const writer = session.writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

const readAll = async (session: Session) => new Uint8Array(await buffer(session.readable));

describe('sessions over one client at each end', TIME_LIMIT, () => {
  let mixnet: MemoryMixnet;
  let client: MemoryClient;
  let server: MemoryClient;
  let opener: SessionOpener;
  let acceptor: SessionAcceptor;
  let accepted: ReadableStreamDefaultReader<Session>;

  /** The next session that the acceptor gets. */
  async function nextAccepted(): Promise<Session> {
    const { value } = await accepted.read();
    assert.ok(value);
    return value;
  }

  beforeEach(() => {
    mixnet = new MemoryMixnet();
    client = mixnet.client('client');
    server = mixnet.client('server');
    opener = new SessionOpener(client);
    const sessions = new ReadableStream<Session>({
      start: (controller) => {
        acceptor = new SessionAcceptor({ onSession: (session) => controller.enqueue(session) });
        acceptor.serveOver(server);
      },
    });
    accepted = sessions.getReader();
  });

  afterEach(async () => {
    await Promise.all([opener.close(), acceptor.close()]);
    mixnet.close();
  });

  it('carry bytes both ways, half-closed in either order, and leave the maps when they end', async () => {
    const [up, down] = [new Uint8Array(300_000).fill(1), new Uint8Array(200_000).fill(2)];
    const session = opener.open('server');
    const sent = write(session, up);
    const peer = await nextAccepted();
    assert.deepEqual(await readAll(peer), up);
    await sent;
    await Promise.all([write(peer, down), readAll(session).then((bytes) => assert.deepEqual(bytes, down))]);
    await Promise.all([session.closed, peer.closed]);
    assert.equal(session.mode, 'frames');
    assert.deepEqual([opener.size, acceptor.size], [0, 0]);
  });

  it('fill extended packets to the last byte, where the clients have them', async () => {
    client.extendedPackets = true;
    server.extendedPackets = true;
    const sizes: number[] = [];
    server.on('message', ({ payload }) => sizes.push(payload.length));
    const session = opener.open('server');
    const bytes = new Uint8Array(400_000).fill(7);
    const sent = write(session, bytes);
    const peer = await nextAccepted();
    assert.deepEqual(await readAll(peer), bytes);
    await sent;
    const longest = Math.max(...sizes);
    assert.ok(longest > EXTENDED_PACKET_BYTES - 100, `${longest} bytes`);
    assert.ok(sizes.filter((size) => size === longest).length >= 10);
    assert.equal(anonymousMessagePackets(longest, 0, true), 1);
  });

  it('send a lone small write at once, and those that wait together in one message', async () => {
    const send = client.send.bind(client);
    const sizes: number[] = [];
    const turns: (() => void)[] = [];
    let handed: () => void = () => undefined;
    client.send = async (...args) => {
      sizes.push(args[1].length);
      handed();
      await new Promise<void>((resolve) => turns.push(resolve));
      return send(...args);
    };
    const nextHanded = () => new Promise<void>((resolve) => (handed = resolve));
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    const first = nextHanded();
    await writer.write(new Uint8Array(1));
    await first;
    for (let n = 0; n < 50; n += 1) await writer.write(new Uint8Array(100));
    const second = nextHanded();
    turns.shift()?.();
    await second;
    assert.ok((sizes[0] ?? Infinity) < 100 && (sizes[1] ?? 0) > 5000, sizes.join());
    client.send = send;
    turns.shift()?.();
    const peer = await nextAccepted();
    await Promise.all([writer.close(), readAll(peer).then((bytes) => assert.equal(bytes.length, 5001))]);
  });

  it('let the acceptor speak first', async () => {
    const session = opener.open('server');
    const peer = await nextAccepted();
    const greeting = new TextEncoder().encode('220 ready\r\n');
    const writer = peer.writable.getWriter();
    await writer.write(greeting);
    const { value } = await session.readable.getReader().read();
    assert.deepEqual(value, greeting);
  });

  it('run side by side without touching each other, over a mixnet that reorders and repeats', async () => {
    mixnet.fate = () => (Math.random() < 0.2 ? [Math.random() * 8, Math.random() * 8] : [Math.random() * 8]);
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const session = opener.open('server');
        const bytes = new Uint8Array(20_000 + n).fill(n);
        await Promise.all([
          write(session, bytes),
          readAll(session).then((echo) => assert.deepEqual(echo, bytes)),
          nextAccepted().then((peer) => peer.readable.pipeTo(peer.writable)),
        ]);
        await session.closed;
      }),
    );
  });

  it('hold the sender back while the reader does not read', async () => {
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    const chunk = new Uint8Array(32 * 1024);
    let written = 0;
    const flood = (async () => {
      for (;;) {
        await writer.write(chunk);
        written += chunk.length;
      }
    })();
    const peer = await nextAccepted();
    await new Promise<void>((resolve) => {
      server.on('message', () => {
        if (peer.stats().bytesBuffered >= INITIAL_WINDOW) resolve();
      });
    });
    assert.equal(peer.stats().bytesBuffered, INITIAL_WINDOW);
    assert.ok(written <= INITIAL_WINDOW + SEND_BUFFER + 2 * chunk.length, `${written} bytes went in`);
    session.reset(new SessionError('aborted', 'us'));
    await assert.rejects(flood, resetWith('aborted', 'us'));
  });

  it('are reset with a reason that reaches the other end', async () => {
    const session = opener.open('server');
    const peer = await nextAccepted();
    await peer.writable.abort(new SessionError('refused', 'us'));
    await assert.rejects(readAll(session), resetWith('refused', 'peer'));
    await assert.rejects(session.closed, resetWith('refused', 'peer'));
    await assert.rejects(peer.closed, resetWith('refused', 'us'));
    await assert.rejects(session.writable.getWriter().write(new Uint8Array(1)), resetWith('refused', 'peer'));
  });

  it('are reset at both ends when the reader gives up', async () => {
    const session = opener.open('server');
    const peer = await nextAccepted();
    await session.readable.cancel('enough');
    await assert.rejects(readAll(peer), resetWith('aborted', 'peer'));
  });

  /** Sends a lot both ways, and calls `interfere` once some has arrived at both ends. */
  async function exchange(interfere: () => void): Promise<void> {
    const session = opener.open('server');
    const [up, down] = [randomBytes(900_000), randomBytes(700_000)];
    const sent = write(session, up);
    const peer = await nextAccepted();
    let interfered = false;
    const watch = () => {
      if (interfered || Math.min(session.stats().bytesReceived, peer.stats().bytesReceived) < 100_000) return;
      interfered = true;
      interfere();
    };
    client.on('message', watch);
    server.on('message', watch);
    const [atPeer, here] = await Promise.all([readAll(peer), readAll(session), sent, write(peer, down)]);
    assert.ok(interfered);
    assert.ok(Buffer.compare(atPeer, up) === 0 && Buffer.compare(here, down) === 0);
    await Promise.all([session.closed, peer.closed]);
  }

  it('go on over another client of the opener when its own is lost', () =>
    exchange(() => {
      client.lose();
      opener.moveTo(mixnet.client('another client'));
    }));

  it('go on over another client of the acceptor when its own is lost', () =>
    exchange(() => {
      server.lose();
      acceptor.serveOver(mixnet.client('server'));
    }));

  it('go on when both clients are replaced at once', () =>
    exchange(() => {
      server.lose();
      client.lose();
      acceptor.serveOver(mixnet.client('server'));
      opener.moveTo(mixnet.client('another client'));
    }));

  it('opened while the client is lost wait for another one', async () => {
    client.lose();
    const session = opener.open('server');
    opener.moveTo(mixnet.client('another client'));
    await Promise.all([write(session, new Uint8Array(9)), nextAccepted().then(readAll)]);
  });

  it('of a Rust client end as lost when the own client is lost', async () => {
    const body = new Uint8Array(1);
    const message = encodeProxiedMessage({ sessionId: v4(), messageId: 1, kind: 'data', body });
    await client.send('server', message, 100);
    const peer = await nextAccepted();
    server.lose();
    await assert.rejects(peer.closed, resetWith('lost', 'us'));
  });

  it('of a Rust client cannot go over to frames', async () => {
    const sessionId = v4();
    const send = (messageId: number, kind: 'data' | 'frames', body: Uint8Array) =>
      client.send('server', encodeProxiedMessage({ sessionId, messageId, kind, body }), 100);
    await send(1, 'data', new Uint8Array(1));
    const peer = await nextAccepted();
    await peer.writable.getWriter().write(new Uint8Array(9));
    await send(2, 'frames', encodeFrames([{ type: 'route', counter: 1 }]));
    await assert.rejects(peer.closed, resetWith('protocol', 'us'));
  });

  it('that are reset while the client is lost end at once', async () => {
    const session = opener.open('server');
    await nextAccepted();
    client.lose();
    session.reset(new SessionError('aborted', 'us'));
    await assert.rejects(session.closed, resetWith('aborted', 'us'));
  });

  it('that an acceptor does not know since its restart are reset as gone', async () => {
    const session = opener.open('server');
    const peer = await nextAccepted();
    await peer.writable.getWriter().write(new Uint8Array(1));
    const reader = session.readable.getReader();
    await reader.read();
    server.state = 'closed';
    const restarted = mixnet.client('server');
    const second = new SessionAcceptor({ onSession: () => assert.fail('nothing new was opened') });
    second.serveOver(restarted);
    await session.writable.getWriter().write(new Uint8Array(1));
    await assert.rejects(reader.read(), resetWith('gone', 'peer'));
    await second.close();
  });

  it('opened after a restart of the acceptor bring their own SURBs', async () => {
    for (let n = 0; n < 5; n += 1) {
      const session = opener.open('server');
      const echoed = Promise.all([write(session, new Uint8Array(30_000)), readAll(session)]);
      const peer = await nextAccepted();
      await Promise.all([peer.readable.pipeTo(peer.writable), echoed]);
    }
    server.state = 'closed';
    const restarted = new SessionAcceptor({
      onSession: (session) => void session.readable.pipeTo(session.writable),
    });
    restarted.serveOver(mixnet.client('server'));
    const session = opener.open('server');
    const bytes = new Uint8Array(1300).fill(5);
    await Promise.all([
      write(session, bytes),
      readAll(session).then((echo) => assert.deepEqual(echo, bytes)),
    ]);
    await session.closed;
    await restarted.close();
  });

  it('are reset even behind a window that never opens', async () => {
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    const flood = writer.write(new Uint8Array(1_000_000));
    const peer = await nextAccepted();
    await Promise.all([writer.abort(new Error('enough')), assert.rejects(flood, resetWith('aborted', 'us'))]);
    await assert.rejects(peer.closed, resetWith('aborted', 'peer'));
  });

  it('are not opened by what a reset has overtaken', async () => {
    mixnet.fate = () => [0];
    const [sessionId, otherId] = [newSessionId(), newSessionId()];
    const reset = encodeFrames([{ type: 'reset', code: 'aborted' }]);
    await client.send(
      'server',
      encodeProxiedMessage({ sessionId, messageId: 1, kind: 'frames', body: reset }),
      0,
    );
    for (const id of [sessionId, otherId]) {
      const data: ProxiedMessage = { sessionId: id, messageId: 0, kind: 'data', body: new Uint8Array(1) };
      await client.send('server', encodeProxiedMessage(data), 5);
    }
    assert.equal((await nextAccepted()).id, otherId);
  });

  it('stay ended when late messages of theirs arrive', async () => {
    const sessionId = newSessionId();
    const data = { sessionId, messageId: 0, kind: 'data', body: new Uint8Array(1) } as const;
    mixnet.fate = () => [0];
    await client.send('server', encodeProxiedMessage(data), 5);
    const peer = await nextAccepted();
    peer.reset(new SessionError('refused', 'us'));
    await assert.rejects(peer.closed);
    await client.send('server', encodeProxiedMessage({ ...data, messageId: 1 }), 5);
    const otherId = newSessionId();
    await client.send('server', encodeProxiedMessage({ ...data, sessionId: otherId }), 5);
    assert.equal((await nextAccepted()).id, otherId);
  });

  it('are unharmed by garbage, and by frames for sessions nobody knows', async () => {
    const session = opener.open('server');
    const peer = await nextAccepted();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.uuid(), async (bytes, sessionId) => {
        await client.send('server', bytes, 0);
        const frames: ProxiedMessage = { sessionId, messageId: 9, kind: 'frames', body: bytes };
        await client.send('server', encodeProxiedMessage(frames), 0);
        await server.reply('client', bytes);
      }),
    );
    const sent = new Uint8Array(50_000).fill(3);
    await Promise.all([write(session, sent), readAll(peer).then((bytes) => assert.deepEqual(bytes, sent))]);
  });

  it('that break the protocol are reset alone', async () => {
    const bystander = opener.open('server');
    const bystanderPeer = await nextAccepted();
    const sessionId = newSessionId();
    const answer = new Promise<ProxiedMessage>((resolve) => {
      client.on('message', ({ payload }) => {
        const message = decodeProxiedMessage(payload);
        if (message.sessionId === sessionId) resolve(message);
      });
    });
    const body = encodeFrames([
      { type: 'open', version: 1, window: 65_536 },
      { type: 'data', offset: 2 ** 40, bytes: new Uint8Array(1) },
    ]);
    await client.send('server', encodeProxiedMessage({ sessionId, messageId: 0, kind: 'frames', body }), 5);
    await assert.rejects((await nextAccepted()).closed, resetWith('protocol', 'us'));
    assert.deepEqual(decodeFrames((await answer).body).at(-1), { type: 'reset', code: 'protocol' });
    await Promise.all([
      write(bystander, new Uint8Array(9)),
      readAll(bystanderPeer).then((bytes) => assert.equal(bytes.length, 9)),
    ]);
  });

  it('of a Rust client (UUID v4, ids from 1, Close) get plain answers from id 0 at once', async () => {
    const sessionId = v4();
    const answers: ProxiedMessage[] = [];
    const closed = new Promise<void>((resolve) => {
      client.on('message', ({ payload }) => {
        const message = decodeProxiedMessage(payload);
        answers.push(message);
        if (message.kind === 'close') resolve();
      });
    });
    const message = (messageId: number, kind: 'data' | 'close', text = '') =>
      client.send(
        'server',
        encodeProxiedMessage({ sessionId, messageId, kind, body: new TextEncoder().encode(text) }),
        100,
      );
    await Promise.all([message(1, 'data', 'ping '), message(2, 'data', 'pong'), message(3, 'close')]);
    const peer = await nextAccepted();
    await Promise.all([peer.readable.pipeTo(peer.writable), closed]);
    answers.sort((a, b) => a.messageId - b.messageId);
    assert.deepEqual(
      answers.map(({ messageId }) => messageId),
      answers.map((_, n) => n),
    );
    assert.deepEqual(
      answers.map(({ kind }) => kind).filter((kind) => kind !== 'data'),
      ['close'],
    );
    assert.equal(Buffer.concat(answers.map(({ body }) => body)).toString(), 'ping pong');
    await peer.closed;
  });
});
