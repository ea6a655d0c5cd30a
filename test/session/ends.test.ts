import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { SessionAcceptor } from '../../src/session/acceptor.js';
import { SYSTEM_CLOCK, type Clock } from '../../src/session/clock.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { FakeClock } from '../support/fake-clock.js';
import { MemoryMixnet, type MemoryClient } from '../support/memory-mixnet.js';

const resetWith = (code: SessionErrorCode, by: 'us' | 'peer') => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === by;

/** Reads as far as it goes: the bytes, and the error at their end. */
async function readToError(session: Session): Promise<{ readonly bytes: number; readonly error: unknown }> {
  const reader = session.readable.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return { bytes, error: undefined };
      bytes += value.length;
    }
  } catch (error) {
    return { bytes, error };
  }
}

describe('the end of a session', () => {
  let clock: FakeClock;
  let mixnet: MemoryMixnet;
  let client: MemoryClient;
  let server: MemoryClient;
  let opener: SessionOpener;
  let acceptor: SessionAcceptor;
  const accepted: Session[] = [];

  beforeEach(() => {
    clock = new FakeClock();
    mixnet = new MemoryMixnet(clock);
    mixnet.fate = () => [80];
    client = mixnet.client('client');
    server = mixnet.client('server');
    opener = new SessionOpener(client, { clock });
    accepted.length = 0;
    acceptor = new SessionAcceptor({ clock, onSession: (session) => accepted.push(session) });
    acceptor.serveOver(server);
  });

  afterEach(async () => {
    await clock.run(Promise.all([opener.close(), acceptor.close()]));
  });

  /** A session that is open at both ends. */
  async function connect(): Promise<readonly [Session, Session]> {
    const session = opener.open('server');
    while (accepted.length === 0) await clock.run(clock.sleep(10));
    await clock.run(clock.sleep(1000));
    const [peer] = accepted;
    assert.ok(peer);
    return [session, peer];
  }

  for (const bytes of [1, 1000, 60_000]) {
    it(`by a reset comes behind the ${bytes} bytes that were written before`, async () => {
      const [session, peer] = await connect();
      const writer = peer.writable.getWriter();
      await clock.run(writer.write(new Uint8Array(bytes)));
      peer.reset(new SessionError('upstream-reset', 'us'));
      const { bytes: read, error } = await clock.run(readToError(session));
      assert.equal(read, bytes);
      assert.ok(resetWith('upstream-reset', 'peer')(error));
      await assert.rejects(session.closed, resetWith('upstream-reset', 'peer'));
    });
  }

  for (const first of ['aborted', 'gone', 'limit'] as const) {
    for (const second of ['gone', 'limit', 'timeout', 'aborted'] as const) {
      it(`by ${first}, and again by ${second} at once, is heard by the peer as ${first}`, async () => {
        const session = opener.open('server');
        while (accepted.length === 0) await clock.run(clock.sleep(1));
        const [peer] = accepted;
        assert.ok(peer);
        const writer = peer.writable.getWriter();
        writer.write(new Uint8Array(200_000)).catch(() => undefined);
        await clock.run(clock.sleep(1));
        peer.reset(new SessionError(first, 'us'));
        peer.reset(new SessionError(second, 'us'));
        // Nobody is there any more for an opener that asks.
        void acceptor.close();
        const heard = await clock.run(readToError(session));
        assert.ok(resetWith(first, 'peer')(heard.error), String(heard.error));
        await clock.run(peer.drained);
        assert.equal(peer.stats().bytesBuffered, 0);
      });
    }
  }

  it('by a reset leaves what was received and not read readable', async () => {
    const [session, peer] = await connect();
    await clock.run(peer.writable.getWriter().write(new Uint8Array(5000)));
    peer.reset(new SessionError('upstream-reset', 'us'));
    await assert.rejects(clock.run(session.closed), resetWith('upstream-reset', 'peer'));
    await clock.run(clock.sleep(300_000));
    const { bytes, error } = await clock.run(readToError(session));
    assert.equal(bytes, 5000);
    assert.ok(resetWith('upstream-reset', 'peer')(error));
  });

  it('by the silence of the peer leaves what was received readable, too', async () => {
    const [session, peer] = await connect();
    await clock.run(peer.writable.getWriter().write(new Uint8Array(5000)));
    await clock.run(clock.sleep(2000));
    mixnet.fate = () => [];
    await assert.rejects(clock.run(session.closed), resetWith('timeout', 'us'));
    assert.equal((await clock.run(readToError(session))).bytes, 5000);
  });

  it('by a reset of its own drops what was received: nobody reads any more', async () => {
    const [session, peer] = await connect();
    await clock.run(peer.writable.getWriter().write(new Uint8Array(5000)));
    await clock.run(clock.sleep(1000));
    session.reset(new SessionError('aborted', 'us'));
    const { bytes, error } = await clock.run(readToError(session));
    assert.equal(bytes, 0);
    assert.ok(resetWith('aborted', 'us')(error));
    assert.equal(session.stats().bytesBuffered, 0);
  });

  it('by a reset tells the writer of the other end before its last bytes were read', async () => {
    const [session, peer] = await connect();
    await clock.run(session.writable.getWriter().write(new Uint8Array(30_000)));
    session.reset(new SessionError('aborted', 'us'));
    await clock.run(clock.sleep(1000));
    await assert.rejects(peer.writable.getWriter().write(new Uint8Array(1)), resetWith('aborted', 'peer'));
    assert.equal((await clock.run(readToError(peer))).bytes, 30_000);
  });

  it('makes every later write reject, however it ended', async () => {
    for (const end of [
      (session: Session) => session.reset(new SessionError('aborted', 'us')),
      (session: Session) => void session.readable.cancel('enough'),
      (session: Session) => session.reset(new SessionError('limit', 'us')),
    ]) {
      accepted.length = 0;
      const [session] = await connect();
      const writer = session.writable.getWriter();
      await clock.run(writer.write(new Uint8Array(9)));
      end(session);
      await assert.rejects(writer.write(new Uint8Array(9)), SessionError);
      await assert.rejects(writer.closed, SessionError);
    }
  });

  for (const [what, chunk] of Object.entries({
    'a string': 'text',
    'a number': 7,
    'an ArrayBuffer': new ArrayBuffer(8),
    'another view': new Uint16Array(8),
    null: null,
    'nothing at all': undefined,
  })) {
    it(`comes at both ends when ${what} is written`, async () => {
      const [session, peer] = await connect();
      const writer = session.writable.getWriter();
      await assert.rejects(writer.write(chunk as unknown as Uint8Array), TypeError);
      await assert.rejects(session.closed, resetWith('aborted', 'us'));
      await assert.rejects(clock.run(peer.closed), resetWith('aborted', 'peer'));
      assert.deepEqual([opener.size, acceptor.size], [0, 0]);
    });
  }

  it('by a reset while its client is away is told over the next client', async () => {
    const [session, peer] = await connect();
    client.lose();
    session.reset(new SessionError('aborted', 'us'));
    await assert.rejects(session.closed, resetWith('aborted', 'us'));
    await clock.run(clock.sleep(1500));
    opener.moveTo(mixnet.client('client 2'));
    const at = clock.now();
    await assert.rejects(clock.run(peer.closed), resetWith('aborted', 'peer'));
    assert.ok(clock.now() - at < 5000, `${clock.now() - at} ms`);
  });

  it('by a reset while the acceptor is away is told, too', async () => {
    const [session, peer] = await connect();
    server.lose();
    peer.reset(new SessionError('upstream-reset', 'us'));
    await clock.run(clock.sleep(1500));
    acceptor.serveOver(mixnet.client('server'));
    await assert.rejects(clock.run(session.closed), resetWith('upstream-reset', 'peer'));
  });

  it('is drained soon after the peer knows, and within a stated time if it never does', async () => {
    const [session, peer] = await connect();
    await clock.run(session.writable.getWriter().write(new Uint8Array(3000)));
    session.reset(new SessionError('aborted', 'us'));
    const at = clock.now();
    await clock.run(session.drained);
    assert.ok(clock.now() - at < 1000, `${clock.now() - at} ms`);
    await clock.run(peer.drained);
    accepted.length = 0;
    const [other] = await connect();
    mixnet.fate = () => [];
    await clock.run(other.writable.getWriter().write(new Uint8Array(3000)));
    const lostAt = clock.now();
    other.reset(new SessionError('aborted', 'us'));
    await clock.run(other.drained);
    assert.ok(clock.now() - lostAt <= 25_000, `${clock.now() - lostAt} ms`);
  });
});

describe('a session whose message waits for its turn', () => {
  /** Takes no message any more. */
  function block(client: MemoryClient): void {
    client.send = () => new Promise<void>(() => undefined);
    client.reply = () => new Promise<void>(() => undefined);
  }

  async function world(idleTimeoutMs?: number) {
    const clock = new FakeClock();
    const mixnet = new MemoryMixnet(clock);
    mixnet.fate = () => [80];
    const [client, server] = [mixnet.client('client'), mixnet.client('server')];
    const opener = new SessionOpener(client, { clock, idleTimeoutMs });
    const accepted: Session[] = [];
    const acceptor = new SessionAcceptor({ clock, onSession: (session) => accepted.push(session) });
    acceptor.serveOver(server);
    const session = opener.open('server');
    await clock.run(clock.sleep(1000));
    const [peer] = accepted;
    assert.ok(peer);
    block(client);
    // Two messages: the first is taken out and waits.
    const writing = session.writable.getWriter().write(new Uint8Array(20_000));
    writing.catch(() => undefined);
    await clock.run(clock.sleep(100));
    return { clock, session, peer };
  }

  it('is reset at once for its application', async () => {
    const { clock, session } = await world();
    const reading = assert.rejects(session.readable.getReader().read(), resetWith('aborted', 'us'));
    const before = clock.now();
    session.reset(new SessionError('aborted', 'us'));
    await Promise.all([reading, assert.rejects(session.closed, resetWith('aborted', 'us'))]);
    assert.equal(clock.now(), before);
  });

  it('hears the reset of its peer at once', async () => {
    const { clock, session, peer } = await world();
    const at = clock.now();
    peer.reset(new SessionError('refused', 'us'));
    await assert.rejects(clock.run(session.closed), resetWith('refused', 'peer'));
    assert.ok(clock.now() - at < 1000, `${clock.now() - at} ms`);
  });

  it('meets its idle timeout in time', async () => {
    const { clock, session } = await world(5000);
    const at = clock.now();
    await assert.rejects(clock.run(session.closed), resetWith('timeout', 'us'));
    assert.ok(clock.now() - at <= 5000, `${clock.now() - at} ms`);
  });
});

describe('data of a session', () => {
  it('is what it was when it was written, though its buffer is filled anew', async () => {
    const clock = new FakeClock();
    const mixnet = new MemoryMixnet(clock);
    mixnet.fate = () => [80];
    const opener = new SessionOpener(mixnet.client('client'), { clock });
    const received: number[] = [];
    const acceptor = new SessionAcceptor({
      clock,
      onSession: (peer) =>
        void peer.readable.pipeTo(new WritableStream({ write: (chunk) => void received.push(...chunk) })),
    });
    acceptor.serveOver(mixnet.client('server'));
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    // Of a Node buffer, `slice` is no copy. More than is merged with its neighbours.
    const buffer = Buffer.alloc(2000);
    for (let n = 1; n <= 5; n += 1) {
      buffer.fill(n);
      await clock.run(writer.write(buffer));
      buffer.fill(99);
    }
    await clock.run(writer.close());
    await clock.run(clock.sleep(5000));
    assert.deepEqual(
      received,
      [1, 2, 3, 4, 5].flatMap((n) => Array<number>(2000).fill(n)),
    );
    await clock.run(Promise.all([opener.close(), acceptor.close()]));
  });

  it('waits for no timer', async () => {
    // As in a hidden page, only worse: no timer ever fires.
    const clock: Clock = { ...SYSTEM_CLOCK, after: () => () => undefined };
    const mixnet = new MemoryMixnet({
      ...SYSTEM_CLOCK,
      after: (_, callback) => (setImmediate(callback), () => undefined),
    });
    const opener = new SessionOpener(mixnet.client('client'), { clock });
    const acceptor = new SessionAcceptor({
      clock,
      onSession: (peer) => void peer.readable.pipeTo(peer.writable).catch(() => undefined),
    });
    acceptor.serveOver(mixnet.client('server'));
    const session = opener.open('server');
    const writer = session.writable.getWriter();
    const reader = session.readable.getReader();
    for (let n = 1; n <= 5; n += 1) {
      await writer.write(new Uint8Array(10).fill(n));
      const { value } = await reader.read();
      assert.deepEqual(value, new Uint8Array(10).fill(n));
    }
    session.reset(new SessionError('aborted', 'us'));
    await Promise.all([opener.close(), acceptor.close()]);
  });
});
