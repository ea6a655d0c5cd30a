import { once } from 'node:events';

import type { MixnetClient } from '../src/mixnet/client.js';
import { startMixnetClient } from '../src/mixnet/node/start.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { SessionAcceptor } from '../src/session/acceptor.js';
import { SessionOpener } from '../src/session/opener.js';
import type { Session } from '../src/session/session.js';
import { RustClientSession, runRustServer } from '../test/support/rust-peer.js';

/** How the two ends use the official client. */
export interface Policy {
  readonly name: string;
  /** SURBs that the replying client keeps to itself. */
  readonly replySurbReserve: number;
  /** Serves at `client`: answers `request` bytes with `answer` bytes, once they are complete. */
  readonly serve: (client: MixnetClient, request: number, answer: number) => () => void;
  /** Sends `request` bytes in a new session over a ready client and settles when `answer` bytes have come back. */
  readonly exchange: (client: MixnetClient, server: string, request: number, answer: number) => Promise<void>;
}

/** What this project does. */
export const OURS: Policy = {
  name: 'nym-tcp-proxy',
  replySurbReserve: 1,
  serve(client, request, answer) {
    const acceptor = new SessionAcceptor({
      onSession: (session) => void answerOne(session, request, answer).catch(() => undefined),
    });
    acceptor.serveOver(client);
    return () => void acceptor.close();
  },
  async exchange(client, server, request, answer) {
    const opener = new SessionOpener(client, { recipient: server });
    const session = opener.open();
    const writer = session.writable.getWriter();
    await Promise.all([writer.write(new Uint8Array(request)), readBytes(session, answer)]);
    await opener.close();
  },
};

/**
 * The Rust SDK's: 100 SURBs with every message of up to 8 KiB, a reserve of 10. Its server would let the first bytes of
 * each session wait for 7 s (tcp-proxy.md section 2); that is left out here.
 */
export const RUST: Policy = {
  name: 'Rust policy',
  replySurbReserve: 10,
  serve(client, request, answer) {
    const received = new Map<string, number>();
    return runRustServer(
      client,
      (bytes, sessionId) => {
        const total = (received.get(sessionId) ?? 0) + bytes.length;
        received.set(sessionId, total);
        return new Uint8Array(total >= request ? answer : 0);
      },
      1,
    );
  },
  async exchange(client, server, request, answer) {
    let missing = answer;
    let session: RustClientSession | undefined;
    await new Promise<void>((resolve, reject) => {
      session = new RustClientSession(client, server, (bytes) => {
        missing -= bytes.length;
        if (missing <= 0) resolve();
      });
      session.write(new Uint8Array(request)).catch(reject);
    });
    session?.close();
  },
};

/** Time of one exchange in ms, both clients ready. */
export async function measureExchange(
  policy: Policy,
  apiUrl: string,
  traffic: TrafficProfile,
  request: number,
  answer: number,
): Promise<number> {
  const start = () =>
    startMixnetClient({
      network: { name: 'localnet', apiUrl },
      traffic,
      replySurbReserve: policy.replySurbReserve,
    });
  const [client, server] = await Promise.all([start(), start()]);
  const stop = policy.serve(server, request, answer);
  try {
    const began = performance.now();
    await Promise.race([policy.exchange(client, server.address, request, answer), tooLong()]);
    return performance.now() - began;
  } finally {
    stop();
    await Promise.all([client.close(), server.close()]);
  }
}

const EXCHANGE_LIMIT_MS = 180_000;

async function tooLong(): Promise<never> {
  const signal = AbortSignal.timeout(EXCHANGE_LIMIT_MS);
  await once(signal, 'abort');
  throw new Error(`an exchange took longer than ${EXCHANGE_LIMIT_MS / 1000} s`);
}

async function answerOne(session: Session, request: number, answer: number): Promise<void> {
  await readBytes(session, request);
  await session.writable.getWriter().write(new Uint8Array(answer));
}

async function readBytes(session: Session, count: number): Promise<void> {
  const reader = session.readable.getReader();
  for (let missing = count; missing > 0;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the session ended early');
    missing -= value.length;
  }
}
