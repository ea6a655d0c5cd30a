import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { v4 } from 'uuid';

import type { UpstreamConnection } from '../../src/proxy/join.js';
import { SessionServer, type SessionServerOptions } from '../../src/proxy/server.js';
import { parseAccessToken } from '../../src/session/access-proof.js';
import type { SessionErrorCode } from '../../src/session/errors.js';
import { SessionError } from '../../src/session/errors.js';
import type { Wants } from '../../src/session/opener-routing.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { encodeFrames, type Frame } from '../../src/wire/frame.js';
import { encodeProxiedMessage, type ProxiedMessage } from '../../src/wire/proxied-message.js';
import { newSessionId } from '../../src/wire/session-id.js';
import { MemoryMixnet, type MemoryClient } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 60_000 };
const FLOOD = 20_000;
const TOKEN = 'correct-horse-battery';

const tokens = () => [TOKEN];

const by = (code: SessionErrorCode) => (error: unknown) =>
  error instanceof SessionError && error.code === code && error.by === 'peer';

describe('a server under a flood', TIME_LIMIT, () => {
  let mixnet: MemoryMixnet;
  let atServer: MemoryClient;
  let opener: SessionOpener;
  let connected: (string | undefined)[];
  let answers: number;
  let stop: AbortController;
  let server: SessionServer;
  let served: Promise<void>;

  function serve(options: Partial<SessionServerOptions> = {}, wants?: Wants): void {
    server = new SessionServer({
      connectUpstream: (_, name) => {
        connected.push(name);
        return Promise.resolve(echo());
      },
      ...options,
    });
    served = server.serve(atServer, stop.signal);
    opener = new SessionOpener(mixnet.client('client'), { wants });
  }

  beforeEach(() => {
    mixnet = new MemoryMixnet();
    mixnet.fate = () => [0];
    atServer = mixnet.client('server');
    mixnet.client('attacker').on('message', () => (answers += 1));
    connected = [];
    answers = 0;
    stop = new AbortController();
  });

  afterEach(async () => {
    await opener.close();
    stop.abort();
    await served;
    await server.close();
    mixnet.close();
  });

  /** What a stranger sends, `count` times; the event loop gets its turns meanwhile. */
  async function flood(count: number, message: (n: number) => ProxiedMessage, tag = () => 'attacker') {
    let most = 0;
    for (let n = 0; n < count; n += 1) {
      atServer.arrive({ payload: encodeProxiedMessage(message(n)), senderTag: tag() }, 1);
      if (n % 200 > 0) continue;
      most = Math.max(most, server.remembered);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return Math.max(most, server.remembered);
  }

  async function assertHealthy(session: Session, bytes: Uint8Array): Promise<void> {
    const writer = session.writable.getWriter();
    const sending = writer.write(bytes).then(() => writer.close());
    assert.deepEqual(new Uint8Array(await buffer(session.readable)), bytes);
    await sending;
  }

  const frames = (sessionId: string, ...list: Frame[]): ProxiedMessage => ({
    sessionId,
    messageId: 0,
    kind: 'frames',
    body: encodeFrames(list),
  });
  const open: Frame = { type: 'open', version: 1, window: 65_536 };

  it('of openings lets some in, answers few, and leaves a session beside it alone', TIME_LIMIT, async () => {
    serve({ limits: { maxSessions: 100, maxSessionsPerSender: 20 } });
    const session = opener.open('server');
    const most = await flood(FLOOD, () => frames(newSessionId(), open));
    await assertHealthy(session, new Uint8Array(100_000).fill(7));
    assert.ok(connected.length <= 21, `${connected.length} upstream connections`);
    assert.ok(most < 100 * 4 + 10_000 + 4096 + 2 * 4096, `${most} entries`);
    assert.ok((server.counts.refusals.get('sessions-per-sender') ?? 0) > FLOOD - 300);
    // OPENED and RESET of those let in, and the refusals that may be told.
    assert.ok(answers < 500, `${answers} answers to ${FLOOD} messages`);
  });

  it('of openings from ever new senders is held by the rate of all', TIME_LIMIT, async () => {
    serve({ limits: { sessionRate: 5 } });
    const session = opener.open('server');
    await new Promise((resolve) => server.on('session', resolve));
    let sender = 0;
    await flood(
      FLOOD,
      () => ({ sessionId: v4(), messageId: 1, kind: 'data', body: new Uint8Array(9) }),
      () => `sender ${(sender += 1)}`,
    );
    await assertHealthy(session, new Uint8Array(100_000).fill(7));
    assert.ok(connected.length <= 5 * 10 + 5 * 60, `${connected.length} upstream connections`);
    assert.ok((server.counts.refusals.get('session-rate') ?? 0) > FLOOD / 2);
  });

  it('of sessions that are reset at once, from ever new senders, leaves no more than is remembered', async () => {
    serve({ limits: { sessionRate: 0 } });
    const reset: Frame = { type: 'reset', code: 'aborted' };
    let sender = 0;
    const most = await flood(
      12_000,
      () => frames(newSessionId(), open, reset),
      () => `sender ${(sender += 1)}`,
    );
    assert.ok(most > 10_000 + 4096, `${most} entries`);
    assert.ok(most < 10_000 + 4096 + 2 * 4096 + 1000, `${most} entries`);
  });

  it('of sessions that wait for SURBs until they are reset leaves nothing of their waiting', async () => {
    serve({ limits: { sessionRate: 0, sessionRatePerSender: 0, maxSessionsPerSender: 0 } });
    const [rounds, perRound] = [20, 100];
    const data: Frame = { type: 'data', offset: 0, bytes: new Uint8Array(10) };
    const stingy: Frame = { type: 'supply', total: 0, here: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const ids = Array.from({ length: perRound }, () => newSessionId());
      await flood(perRound, (n) => frames(ids[n] ?? '', open, stingy, data));
      await new Promise((resolve) => setTimeout(resolve, 40));
      await flood(perRound, (n) => frames(ids[n] ?? '', { type: 'reset', code: 'aborted' }));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const ended = rounds * perRound;
    assert.equal(server.counts.sessionsOpen, 0);
    assert.ok(server.remembered < ended + 10, `${server.remembered} entries of ${ended} sessions`);
  });

  it('of unknown ids is hardly answered, and nothing of it is kept', TIME_LIMIT, async () => {
    serve();
    const session = opener.open('server');
    const data: Frame = { type: 'data', offset: 5, bytes: new Uint8Array(100) };
    const most = await flood(FLOOD, () => frames(newSessionId(), data));
    const reset: Frame = { type: 'reset', code: 'aborted' };
    const mostOfResets = await flood(FLOOD, () => frames(newSessionId(), reset));
    await assertHealthy(session, new Uint8Array(100_000).fill(7));
    assert.equal(connected.length, 1);
    assert.ok(most < 30, `${most} entries`);
    assert.ok(mostOfResets < 4096 + 30, `${mostOfResets} entries`);
    assert.ok(answers <= 200, `${answers} answers`);
  });

  it('of duplicates, gaps and huge lengths within a session ends that session only', TIME_LIMIT, async () => {
    serve({ limits: { maxSessionsPerSender: 0, sessionRate: 0, sessionRatePerSender: 0 } });
    const session = opener.open('server');
    const ids = Array.from({ length: 20 }, () => newSessionId());
    const idOf = (n: number) => ids[n % ids.length] ?? '';
    const byte = new Uint8Array(1);
    await flood(2000, (n) => frames(idOf(n), open, { type: 'data', offset: 0, bytes: byte }));
    await flood(5000, (n) => frames(idOf(n), { type: 'data', offset: 10 + 2 * n, bytes: byte }));
    await flood(100, (n) => frames(idOf(n), { type: 'data', offset: 2 ** 50, bytes: byte }));
    const lies = encodeProxiedMessage(frames(newSessionId(), open));
    new DataView(lies.buffer).setBigUint64(4, 2n ** 63n, true);
    atServer.arrive({ payload: lies, senderTag: 'attacker' }, 1);
    const ended = new Promise((resolve) => server.on('end', resolve));
    await assertHealthy(session, new Uint8Array(100_000).fill(7));
    await ended;
    assert.equal(server.counts.sessionsOpen, 0);
    assert.equal(server.counts.resets.get('protocol'), ids.length);
  });

  it(
    'of strangers without a token opens no upstream, and a session with one beside it is well',
    TIME_LIMIT,
    async () => {
      serve({ tokens }, { token: parseAccessToken(TOKEN) });
      const session = opener.open('server');
      const proof = { time: Math.floor(Date.now() / 1000), mac: new Uint8Array(32) };
      await flood(2000, () => frames(newSessionId(), { ...open, request: { proof } }));
      await flood(2000, () => ({ sessionId: v4(), messageId: 1, kind: 'data', body: new Uint8Array(9) }));
      await assertHealthy(session, new Uint8Array(100_000).fill(7));
      assert.equal(connected.length, 1);
      assert.equal(server.counts.refusals.get('token'), 4000);
    },
  );
});

describe('a server with limits tells its client', TIME_LIMIT, () => {
  async function refusalOf(options: Partial<SessionServerOptions>, wants?: Wants): Promise<unknown> {
    const mixnet = new MemoryMixnet();
    const stop = new AbortController();
    const server = new SessionServer({
      connectUpstream: () => Promise.resolve(echo()),
      ...options,
    });
    const served = server.serve(mixnet.client('server'), stop.signal);
    const opener = new SessionOpener(mixnet.client('client'), { wants });
    const sessions = [opener.open('server'), opener.open('server')];
    const error: unknown = await Promise.any(
      sessions.map((one) =>
        one.closed.then(
          () => Promise.reject(new Error('it was let in')),
          (reason: unknown) => reason,
        ),
      ),
    );
    await opener.close();
    stop.abort();
    await served;
    await server.close();
    mixnet.close();
    return error;
  }

  it('that the token is missing or wrong', TIME_LIMIT, async () => {
    assert.ok(by('token')(await refusalOf({ tokens })));
    const wrong = parseAccessToken('incorrect-horse-battery');
    assert.ok(by('token')(await refusalOf({ tokens }, { token: wrong })));
  });

  it('that there is no such upstream', TIME_LIMIT, async () => {
    assert.ok(by('no-upstream')(await refusalOf({}, { upstream: 'nowhere' })));
  });

  it('that it has no room, and that nothing was said for too long', TIME_LIMIT, async () => {
    assert.ok(by('limit')(await refusalOf({ limits: { maxSessions: 1 } })));
    assert.ok(by('timeout')(await refusalOf({ limits: { firstByteTimeoutMs: 1 } })));
    assert.ok(by('timeout')(await refusalOf({ limits: { idleTimeoutMs: 1 } })));
  });

  it('that its token was revoked while the session was open', TIME_LIMIT, async () => {
    let good = [TOKEN];
    const revoking = () => {
      const now = good;
      good = [];
      return now;
    };
    const error = await refusalOf({ tokens: revoking }, { token: parseAccessToken(TOKEN) });
    assert.ok(by('token')(error));
  });
});

function echo(): UpstreamConnection {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  return { readable, writable, failure: undefined, fail: () => Promise.resolve(), reset: () => undefined };
}
