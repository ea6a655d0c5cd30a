import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { deferred } from '../../src/basics/deferred.js';
import type { UpstreamConnection } from '../../src/proxy/join.js';
import { SessionServer } from '../../src/proxy/server.js';
import { INITIAL_WINDOW } from '../../src/session/limits.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 60_000 };
const MIB = 1024 * 1024;

/** An upstream that takes nothing, or sends back what comes. */
function upstream(stalled: boolean): UpstreamConnection {
  const unbroken = { failure: undefined, fail: () => Promise.resolve() };
  if (!stalled) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    return { ...unbroken, readable, writable, reset: () => void writable.abort().catch(() => undefined) };
  }
  const cut = deferred();
  cut.promise.catch(() => undefined);
  const readable = new ReadableStream<Uint8Array>({ pull: () => cut.promise });
  const writable = new WritableStream<Uint8Array>({ write: () => cut.promise });
  return { ...unbroken, readable, writable, reset: () => cut.reject(new Error('cut')) };
}

/** Writes until it is held up or reset; gives how much it was. */
function pour(session: Session): { written: number } {
  const state = { written: 0 };
  const writer = session.writable.getWriter();
  const chunk = randomBytes(16 * 1024);
  void (async () => {
    for (;;) {
      await writer.write(chunk);
      state.written += chunk.length;
    }
  })().catch(() => undefined);
  return state;
}

describe('a server whose upstreams stop reading', TIME_LIMIT, () => {
  it('resets no session of those who keep to their share, and serves others meanwhile', async () => {
    const maxBufferedBytes = 16 * MIB;
    const stalledSessions = 64;
    const mixnet = new MemoryMixnet();
    mixnet.fate = () => [0];
    let opened = 0;
    const server = new SessionServer({
      connectUpstream: () => Promise.resolve(upstream((opened += 1) <= stalledSessions)),
      limits: { maxBufferedBytes, sessionRate: 0, sessionRatePerSender: 0 },
    });
    const stop = new AbortController();
    const atServer = mixnet.client('server');
    // Bulk: 64 sessions would grant 64 MiB at once.
    atServer.extendedPackets = true;
    const served = server.serve(atServer, stop.signal);
    const openers: SessionOpener[] = [];
    const open = (name: string) => {
      const client = mixnet.client(name);
      client.extendedPackets = true;
      const opener = new SessionOpener(client, {});
      openers.push(opener);
      return opener.open('server');
    };
    const resets: unknown[] = [];
    const poured = Array.from({ length: stalledSessions }, (_, n) => {
      const session = open(`client ${n}`);
      session.closed.catch((error: unknown) => resets.push(error));
      return pour(session);
    });
    // Until no more is taken, and the limits have been looked at.
    let before = -1;
    const total = () => poured.reduce((sum, { written }) => sum + written, 0);
    while (total() > before) {
      before = total();
      await setTimeout(1500);
    }
    assert.deepEqual(resets, []);
    assert.equal(server.counts.refusals.get('buffered-bytes'), undefined);
    for (const { written } of poured) assert.ok(written >= INITIAL_WINDOW / 2, `${written} bytes`);
    const session = open('innocent');
    const writer = session.writable.getWriter();
    const reader = session.readable.getReader();
    const sent = randomBytes(300_000);
    const read: Uint8Array[] = [];
    const writing = writer.write(sent).then(() => writer.close());
    for (let one = await reader.read(); !one.done; one = await reader.read()) read.push(one.value);
    await writing;
    assert.ok(Buffer.concat(read).equals(sent));
    await session.closed;
    await Promise.all(openers.map((opener) => opener.close()));
    stop.abort();
    await served;
    await server.close();
    mixnet.close();
  });
});
