import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionAcceptor } from '../../src/session/acceptor.js';
import { SessionError } from '../../src/session/errors.js';
import { SessionOpener } from '../../src/session/opener.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

const TIME_LIMIT = { timeout: 20_000 };

const goneByPeer = (error: unknown) =>
  error instanceof SessionError && error.code === 'gone' && error.by === 'peer';

describe('an acceptor that closes, and its mixnet client with it', TIME_LIMIT, () => {
  for (const count of [1, 20]) {
    it(`has told the openers of ${count} new session(s), which have left it no SURBs for that`, async () => {
      const mixnet = new MemoryMixnet();
      const [client, server] = [mixnet.client('client'), mixnet.client('server')];
      let accepted = 0;
      let allAccepted: () => void = () => undefined;
      const accepting = new Promise<void>((resolve) => (allAccepted = resolve));
      const acceptor = new SessionAcceptor({
        onSession: () => {
          accepted += 1;
          if (accepted === count) allAccepted();
        },
      });
      acceptor.serveOver(server);
      const opener = new SessionOpener(client);
      const answered = new Promise<void>((resolve) => client.on('message', () => resolve()));
      const sessions = Array.from({ length: count }, () => opener.open('server'));
      await Promise.all([accepting, answered]);

      await acceptor.close();
      await server.close();
      for (const session of sessions) await assert.rejects(session.closed, goneByPeer);
      await opener.close();
      mixnet.close();
    });
  }
});
