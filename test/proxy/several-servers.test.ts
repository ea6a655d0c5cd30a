import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { text } from 'node:stream/consumers';

import { ClientPool } from '../../src/mixnet/pool.js';
import { PerConnectionDialer, SharedDialer, type SessionDialer } from '../../src/proxy/dialer.js';
import { Servers } from '../../src/proxy/servers.js';
import { SessionAcceptor } from '../../src/session/acceptor.js';
import type { Connection } from '../../src/session/connection.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 20_000 };

/** Says its name, and what it was told. */
async function answer(session: Connection, name: string): Promise<void> {
  const writer = session.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${name}: `));
  await writer.write(new TextEncoder().encode(await text(session.readable)));
  await writer.close();
}

async function ask(session: Connection, what: string): Promise<string> {
  const writer = session.writable.getWriter();
  await writer.write(new TextEncoder().encode(what));
  await writer.close();
  return text(session.readable);
}

/** Two servers and a dialer for both. */
function world(kind: typeof PerConnectionDialer | typeof SharedDialer) {
  const mixnet = new MemoryMixnet();
  /** Those that take no more sessions. */
  const full = new Set<string>();
  const acceptors = ['a', 'b'].map((name) => {
    const acceptor = new SessionAcceptor({
      onSession: (session) => void answer(session, name).catch(() => undefined),
      gate: { admit: () => (full.has(name) ? 'limit' : undefined), mayAnswer: () => true },
    });
    acceptor.serveOver(mixnet.client(name));
    return acceptor;
  });
  let clients = 0;
  const pool = new ClientPool({
    reserve: 0,
    start: () => Promise.resolve(mixnet.client(`client ${(clients += 1)}`)),
  });
  const servers = new Servers(['a', 'b'], { answerLimitMs: 150 });
  const dialer: SessionDialer = new kind(pool, { servers });
  const close = async () => {
    await dialer.close();
    for (const acceptor of acceptors) await acceptor.close();
    mixnet.close();
  };
  return { mixnet, servers, dialer, full, [Symbol.asyncDispose]: close };
}

for (const kind of [PerConnectionDialer, SharedDialer]) {
  describe(`several servers (${kind.name})`, TIME_LIMIT, () => {
    it('the next is used when one does not answer; the session that found out is reset', async () => {
      await using tried = world(kind);
      const { mixnet, servers, dialer } = tried;
      mixnet.client('a');
      const first = await dialer.dial();
      assert.equal(first.server, 'a');
      await assert.rejects(ask(first.connection, 'hello'), { code: 'timeout', by: 'us' });
      const second = await dialer.dial();
      assert.equal(second.server, 'b');
      assert.equal(await ask(second.connection, 'hello'), 'b: hello');
      assert.equal(servers.address, 'b');
    });

    it('open sessions stay where they are', async () => {
      await using tried = world(kind);
      const { dialer, full } = tried;
      const { connection: session } = await dialer.dial();
      const writer = session.writable.getWriter();
      const reader = session.readable.getReader();
      await writer.write(new TextEncoder().encode('it '));
      let heard = '';
      const hear = async () => {
        const { done, value } = await reader.read();
        heard += new TextDecoder().decode(value);
        return !done;
      };
      await hear();
      full.add('a');
      const refused = await dialer.dial();
      await assert.rejects(ask(refused.connection, 'let me in'), { code: 'limit', by: 'peer' });
      const elsewhere = await dialer.dial();
      assert.equal(elsewhere.server, 'b');
      await writer.write(new TextEncoder().encode('goes on'));
      await writer.close();
      assert.equal(await ask(elsewhere.connection, 'new'), 'b: new');
      while (await hear());
      assert.equal(heard, 'a: it goes on');
      await Promise.all([session.closed, elsewhere.connection.closed]);
    });
  });
}
