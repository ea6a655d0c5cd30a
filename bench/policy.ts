import type { MixnetClient } from '../src/mixnet/client.js';
import type { ClientSettings } from '../src/mixnet/options.js';
import type { ByteStreams } from '../src/proxy/join.js';
import { SessionAcceptor } from '../src/session/acceptor.js';
import { SessionOpener } from '../src/session/opener.js';
import { RustClientSession, runRustServer } from '../test/support/rust-peer.js';
import { requestBytes, RequestReader, type Exchange } from './request.js';

/** One open session of the benchmark. */
export interface BenchSession {
  /** Sends a request and settles when the whole answer has come. */
  exchange(exchange: Exchange): Promise<void>;
}

/** How the two ends use the official client. */
export interface Policy {
  readonly name: string;
  readonly settings: ClientSettings;
  /** Answers the requests that arrive at `client`. */
  readonly serve: (client: MixnetClient) => void;
  /** Opens sessions with a server over a client. */
  readonly opener: (client: MixnetClient, server: string) => BenchOpener;
}

/** What opens sessions over one client. */
export interface BenchOpener {
  open(): BenchSession;
  /** Ends its sessions. */
  close(): Promise<void>;
}

/** What this project does. */
const OURS: Policy = {
  name: 'nym-tcp-proxy',
  settings: {},
  serve(client) {
    const acceptor = new SessionAcceptor({
      onSession: (session) => void answer(session).catch(() => undefined),
    });
    acceptor.serveOver(client);
  },
  opener(client, server) {
    const opener = new SessionOpener(client);
    return {
      open: () => new OurSession(opener.open(server)),
      close: () => opener.close(),
    };
  },
};

/**
 * The Rust SDK's: 100 SURBs with every message of up to 8 KiB, a reserve of 10, everything handed to the official client
 * at once. Its server would let the first bytes of each session wait for 7 s (tcp-proxy.md section 2); that is left out
 * here.
 */
const RUST: Policy = {
  name: 'Rust policy',
  settings: { replySurbReserve: 10, packetsAhead: Infinity },
  serve(client) {
    const readers = new Map<string, RequestReader>();
    runRustServer(
      client,
      (bytes, sessionId) => {
        const reader = readers.get(sessionId) ?? new RequestReader();
        readers.set(sessionId, reader);
        return new Uint8Array(reader.take(bytes));
      },
      1,
    );
  },
  opener(client, server) {
    const open = new Set<RustClientSession>();
    return {
      open() {
        let missing = 0;
        let complete: () => void = () => undefined;
        const session = new RustClientSession(client, server, (bytes) => {
          missing -= bytes.length;
          if (missing <= 0) complete();
        });
        open.add(session);
        return {
          async exchange(exchange) {
            missing = exchange.answer;
            const answered = new Promise<void>((resolve) => (complete = resolve));
            await Promise.all([session.write(requestBytes(exchange)), answered]);
          },
        };
      },
      close() {
        for (const session of open) session.close();
        return Promise.resolve();
      },
    };
  },
};

/** The policies that are compared, by their short names. */
export const POLICIES = { ours: OURS, rust: RUST } as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof POLICIES;

/** Exchanges over a session of ours, or what looks like one. */
export class OurSession implements BenchSession {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(session: ByteStreams) {
    this.#reader = session.readable.getReader();
    this.#writer = session.writable.getWriter();
  }

  async exchange(exchange: Exchange): Promise<void> {
    await Promise.all([this.#writer.write(requestBytes(exchange)), this.#read(exchange.answer)]);
  }

  async #read(count: number): Promise<void> {
    for (let missing = count; missing > 0;) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error('the session ended early');
      missing -= value.length;
    }
  }
}

/** Answers the requests that come, until they end. */
export async function answer(session: ByteStreams): Promise<void> {
  const requests = new RequestReader();
  const writer = session.writable.getWriter();
  for await (const bytes of session.readable) {
    const due = requests.take(bytes);
    if (due > 0) await writer.write(new Uint8Array(due));
  }
  await writer.close();
}
