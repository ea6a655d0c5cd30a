import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { MixnetMessage } from '../../src/mixnet/client.js';
import { SessionAcceptor } from '../../src/session/acceptor.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 20_000 };

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a message that comes late, by a client that its opener has replaced', TIME_LIMIT, () => {
  it('does not take the replies back to that client', TIME_LIMIT, async (t) => {
    const mixnet = new MemoryMixnet();
    mixnet.fate = () => [0];
    const atServer = mixnet.client('server');
    const arrived: MixnetMessage[] = [];
    atServer.on('message', (message) => arrived.push(message));
    let acceptor: SessionAcceptor | undefined;
    const accepted = new Promise<Session>((onSession) => (acceptor = new SessionAcceptor({ onSession })));
    acceptor?.serveOver(atServer);

    const before = mixnet.client('before');
    const opener = new SessionOpener(before);
    t.after(async () => {
      await opener.close();
      await acceptor?.close();
      mixnet.close();
    });
    const session = opener.open('server');
    const [read, write] = [session.readable.getReader(), session.writable.getWriter()];
    await write.write(bytes('one'));
    const server = await accepted;
    const reply = server.writable.getWriter();
    await reply.write(bytes('two'));
    assert.deepEqual((await read.read()).value, bytes('two'));
    // Now it speaks frames, which tell by which client they come.
    await write.write(bytes('three'));
    const heard = server.readable.getReader();
    for (let length = 0; length < 8;) length += (await heard.read()).value?.length ?? 0;
    const late = arrived.findLast(({ senderTag }) => senderTag === 'before');
    assert.ok(late);

    before.lose();
    const after = mixnet.client('after');
    opener.moveTo(after);
    await write.write(bytes('four'));
    assert.deepEqual((await heard.read()).value, bytes('four'));

    let misled = 0;
    mixnet.client('before').on('message', () => (misled += 1));
    atServer.arrive(late, 1);
    await reply.write(bytes('five'));
    assert.deepEqual((await read.read()).value, bytes('five'));
    assert.equal(misled, 0);
  });
});
