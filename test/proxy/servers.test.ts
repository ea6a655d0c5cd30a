import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import {
  ANSWER_LIMIT_MS,
  FIRST_PAUSE_MS,
  LAST_PAUSE_MS,
  serverAddresses,
  Servers,
  type ServerChange,
} from '../../src/proxy/servers.js';
import type { Connection, ConnectionStats } from '../../src/session/connection.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';
import { WireError } from '../../src/wire/errors.js';
import { settled } from '../mixnet/controlled-starts.js';
import { NO_STATS } from '../support/no-stats.js';

/** A session that does what the test says. */
class ScriptedSession implements Pick<Connection, 'stats' | 'closed' | 'reset'> {
  bytesSent = 10;
  bytesReceived = 0;
  heardAt: number | undefined;
  unansweredSince: number | undefined;
  readonly closed: Promise<void>;
  #end: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(now: number) {
    this.unansweredSince = now;
    this.closed = new Promise((resolve, reject) => (this.#end = { resolve, reject }));
    this.closed.catch(() => undefined);
  }

  answered(now: number, bytes = 0): void {
    this.heardAt = now;
    this.unansweredSince = undefined;
    this.bytesReceived += bytes;
  }

  stats(): ConnectionStats {
    const { bytesSent, bytesReceived, heardAt, unansweredSince } = this;
    return { ...NO_STATS, bytesSent, bytesReceived, heardAt, unansweredSince };
  }

  end(): void {
    this.#end?.resolve();
  }

  reset(error: SessionError): void {
    this.#end?.reject(error);
  }
}

describe('the servers of a client', () => {
  let now: number;
  let changes: ServerChange[];

  beforeEach(() => {
    now = 0;
    changes = [];
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => mock.timers.reset());

  const newServers = (...addresses: string[]) =>
    new Servers(addresses, { now: () => now, onChange: (change) => changes.push(change) });

  function open(servers: Servers): ScriptedSession {
    const session = new ScriptedSession(now);
    servers.follow(servers.address, session);
    return session;
  }

  async function pass(ms: number): Promise<void> {
    now += ms;
    mock.timers.tick(ms);
    await settled();
  }

  /** Ends a new session with an error, as one that the server in use has not taken. */
  async function fail(servers: Servers, code: SessionErrorCode = 'refused'): Promise<void> {
    open(servers).reset(new SessionError(code, 'peer'));
    await settled();
  }

  it('are left for the next when a session is not answered, which is reset', async () => {
    const servers = newServers('a', 'b');
    const session = open(servers);
    await pass(ANSWER_LIMIT_MS - 1);
    assert.equal(servers.address, 'a');
    await pass(1);
    await assert.rejects(session.closed, { code: 'timeout', by: 'us' });
    assert.deepEqual([servers.address, servers.number], ['b', 2]);
    assert.deepEqual(
      changes.map(({ server, of }) => [server, of]),
      [[2, 2]],
    );
  });

  it('are waited for as long as ever if there is only one', async () => {
    const servers = newServers('a');
    const session = open(servers);
    await pass(10 * ANSWER_LIMIT_MS);
    session.end();
    await session.closed;
    await fail(servers, 'gone');
    assert.deepEqual([servers.address, changes.length], ['a', 0]);
  });

  it('are alive if they answer other sessions: a Rust server answers with its upstream only', async () => {
    const servers = newServers('a', 'b');
    const slow = open(servers);
    const other = open(servers);
    await pass(1000);
    other.answered(now, 1);
    other.end();
    await pass(10 * ANSWER_LIMIT_MS);
    slow.answered(now, 1);
    slow.end();
    await slow.closed;
    assert.equal(servers.address, 'a');
  });

  it('are not blamed for the time that there is no mixnet client to hear them', async () => {
    const servers = newServers('a', 'b');
    const session = open(servers);
    session.unansweredSince = undefined;
    await pass(ANSWER_LIMIT_MS);
    session.unansweredSince = now;
    await pass(ANSWER_LIMIT_MS - 1);
    assert.equal(servers.address, 'a');
    await pass(1);
    assert.equal(servers.address, 'b');
    await assert.rejects(session.closed);
  });

  for (const code of [
    'refused',
    'unreachable',
    'limit',
    'token',
    'no-upstream',
    'gone',
    'timeout',
  ] as const) {
    it(`are left when they do not take a session: ${code}`, async () => {
      const servers = newServers('a', 'b');
      await fail(servers, code);
      assert.equal(servers.address, 'b');
    });
  }

  it('are not left for what is no fault of theirs', async () => {
    const servers = newServers('a', 'b');
    for (const code of ['aborted', 'upstream-reset', 'protocol', 'unknown'] as const)
      await fail(servers, code);
    open(servers).reset(new SessionError('lost', 'us'));
    const served = open(servers);
    served.answered(now, 100);
    served.reset(new SessionError('limit', 'peer'));
    const idle = open(servers);
    idle.bytesSent = 0;
    idle.reset(new SessionError('timeout', 'peer'));
    await settled();
    assert.equal(servers.address, 'a');
  });

  it('are left when they fall silent in the middle of a session, unless others still hear them', async () => {
    const servers = newServers('a', 'b');
    const [one, other] = [open(servers), open(servers)];
    one.answered(now, 1);
    other.answered(now, 1);
    await pass(200_000);
    other.answered(now, 1);
    one.reset(new SessionError('timeout', 'us'));
    await settled();
    assert.equal(servers.address, 'a');
    await pass(200_000);
    other.reset(new SessionError('timeout', 'us'));
    await settled();
    assert.equal(servers.address, 'b');
  });

  it('stay in use as long as they answer, though an earlier one may be back', async () => {
    const servers = newServers('a', 'b', 'c');
    await fail(servers);
    await pass(10 * LAST_PAUSE_MS);
    const session = open(servers);
    session.answered(now, 1);
    session.end();
    await settled();
    assert.equal(servers.address, 'b');
  });

  it('take turns; those that failed lately are passed over, longer each time, unless all did', async () => {
    const servers = newServers('a', 'b', 'c');
    for (const next of ['b', 'c', 'a', 'b']) {
      await fail(servers);
      assert.equal(servers.address, next);
      await pass(1000);
    }
    // By now a has failed twice, b and c once.
    await pass(FIRST_PAUSE_MS);
    await fail(servers);
    assert.equal(servers.address, 'c');
    await fail(servers);
    assert.equal(servers.address, 'a', 'its time is up before that of b');
  });

  it('have failed once if several of their sessions fail together', async () => {
    const servers = newServers('a', 'b');
    const sessions = [open(servers), open(servers), open(servers)];
    for (const session of sessions) session.reset(new SessionError('gone', 'peer'));
    await settled();
    assert.deepEqual([servers.address, changes.length], ['b', 1]);
    // What the first one's sessions still say is nothing new.
    await pass(FIRST_PAUSE_MS);
    await fail(servers);
    assert.equal(servers.address, 'a');
  });

  it('are taken as they are given, each once; without any there is nothing to connect to', () => {
    const key = '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi';
    const [one, other] = [
      `${key}.${key}@${key}`,
      `${key}.${key}@8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR`,
    ];
    assert.deepEqual(serverAddresses(` ${one}\n`), [one]);
    assert.deepEqual(serverAddresses([one, other, one]), [one, other]);
    assert.throws(() => serverAddresses([]), RangeError);
    assert.throws(() => serverAddresses([one, 'nobody']), WireError);
  });

  it('share sessions out by how many each has, and pass over those that fail', async () => {
    const servers = new Servers(['a', 'b', 'c'], { now: () => now, balance: true });
    const opened: [string, ScriptedSession][] = [];
    const spread = (count: number) =>
      Array.from({ length: count }, () => {
        const address = servers.choose();
        const session = new ScriptedSession(now);
        servers.follow(address, session);
        opened.push([address, session]);
        return address;
      }).join('');
    assert.equal(Array.from(spread(6)).sort().join(''), 'aabbcc');
    // Two of b end, so that it has none: it gets the next two.
    for (const [address, session] of opened) if (address === 'b') session.end();
    await settled();
    assert.equal(spread(2), 'bb');
    const [, last] = opened.at(-1) ?? assert.fail();
    now += 1;
    last.reset(new SessionError('refused', 'peer'));
    await settled();
    assert.doesNotMatch(spread(6), /b/);
    await pass(FIRST_PAUSE_MS);
    assert.match(spread(3), /^bbb/);
  });
});
