import { v4 } from 'uuid';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { MessageOrder } from '../../src/session/bytes/message-order.js';
import { PROXY_ENVELOPE, type LegacyMessage } from '../../src/session/envelope.js';
import type { SessionId } from '../../src/wire/session-id.js';

/**
 * Peers that behave as the Rust SDK's do (tcp-proxy.md section 2), save its decay rule: what that rule would deliver
 * only after seconds, or never, is never delivered here, so a test that needs it hangs.
 *
 * @module
 */

/** What the Rust client attaches to every message. */
export const RUST_SURBS = 100;

/** The most that a Rust peer reads from a socket at once. */
export const RUST_MESSAGE_BYTES = 8192;

const EMPTY = new Uint8Array();

/** One session of a Rust client: UUID v4, message ids from 1, 100 SURBs with everything, Close ignored. */
export class RustClientSession {
  readonly id: SessionId = v4();
  readonly #client: MixnetClient;
  readonly #server: string;
  readonly #order = new MessageOrder(0);
  readonly #stopListening: () => void;
  #nextId = 1;

  constructor(client: MixnetClient, server: string, onData: (bytes: Uint8Array) => void) {
    this.#client = client;
    this.#server = server;
    this.#stopListening = client.on('message', ({ payload }) => {
      const message = PROXY_ENVELOPE.decode(payload);
      if (message.kind === 'frames') throw new Error('a Rust client does not survive frames');
      if (message.sessionId !== this.id) return;
      for (const { kind, body } of this.#order.insert(message)) if (kind === 'data') onData(body);
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += RUST_MESSAGE_BYTES) {
      await this.#send('data', bytes.subarray(at, at + RUST_MESSAGE_BYTES));
    }
  }

  async finish(): Promise<void> {
    await this.#send('close', EMPTY);
  }

  close(): void {
    this.#stopListening();
  }

  async #send(kind: LegacyMessage['kind'], body: Uint8Array): Promise<void> {
    const message = PROXY_ENVELOPE.encode({ sessionId: this.id, messageId: this.#nextId, kind, body });
    this.#nextId = (this.#nextId + 1) & 0xffff;
    await this.#client.send(this.#server, message, RUST_SURBS);
  }
}

/** What a Rust server's upstream does with the bytes of a session; what it returns is the answer. */
export type RustUpstream = (bytes: Uint8Array, sessionId: SessionId) => Uint8Array;

/**
 * Serves sessions as a Rust server does: in order from `firstId` on, which is 0 for the real one; answers with ids from
 * 0 to the latest sender tag; tells nobody when its upstream ends, and skips what it cannot decode.
 */
export function runRustServer(client: MixnetClient, upstream: RustUpstream, firstId: 0 | 1 = 0): () => void {
  const sessions = new Map<SessionId, { order: MessageOrder; nextId: number }>();
  return client.on('message', ({ payload, senderTag }) => {
    const message = PROXY_ENVELOPE.decode(payload);
    if (senderTag === undefined || message.kind === 'frames') return;
    const { sessionId } = message;
    const session = sessions.get(sessionId) ?? { order: new MessageOrder(firstId), nextId: 0 };
    sessions.set(sessionId, session);
    for (const { kind, body } of session.order.insert(message)) {
      const answer = kind === 'data' ? upstream(body, sessionId) : EMPTY;
      for (let at = 0; at < answer.length; at += RUST_MESSAGE_BYTES) {
        const reply = {
          sessionId,
          messageId: session.nextId,
          kind: 'data' as const,
          body: answer.subarray(at, at + RUST_MESSAGE_BYTES),
        };
        session.nextId = (session.nextId + 1) & 0xffff;
        void client.reply(senderTag, PROXY_ENVELOPE.encode(reply));
      }
    }
  });
}
