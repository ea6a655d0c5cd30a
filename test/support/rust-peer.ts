import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { v4 } from 'uuid';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { MessageOrder } from '../../src/session/bytes/message-order.js';
import { PROXY_ENVELOPE, type LegacyMessage } from '../../src/session/envelope.js';
import type { SessionId } from '../../src/wire/session-id.js';

/**
 * Peers that behave as those of nym-sdk 1.21.6 do. {@link RustServer} has the faults of the real server as well; the other
 * two lack its decay rule: what that rule would deliver only after seconds, or never, is never delivered here, so a test
 * that needs it hangs.
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

/** The real server looks at what waits so often, whatever comes. */
const TICK_MS = 100;

/** A message that has waited for longer than six whole seconds is written although one before it is missing. */
const DECAY_MS = 7000;

/** A session of a {@link RustServer}. */
interface ServedSession {
  readonly socket: Socket;
  readonly waiting: { message: LegacyMessage; since: number }[];
  /** What it has seen of what came last. */
  seen: number;
  nextId: number;
  nextReplyId: number;
  senderTag: string | undefined;
}

/** How a {@link RustServer} is to be. */
export interface RustServerOptions {
  /** `host:port` of its upstream. */
  readonly upstream: string;
  /** How long a session is busy with each message that comes for it; by default 5 ms. */
  readonly busyMs?: number;
}

/**
 * A Rust server with its faults: it keeps only the message that came last for its sessions to take, so that a session that
 * is busy misses all others; writes what waits behind a missing message after seven seconds, so that bytes are lost
 * without a word; and says nothing of the end of its upstream, or that there is none.
 */
export class RustServer {
  readonly #client: MixnetClient;
  readonly #options: RustServerOptions;
  readonly #sessions = new Map<SessionId, ServedSession>();
  readonly #stopListening: () => void;
  readonly #wakes = new Set<() => void>();
  #last: { message: LegacyMessage; senderTag: string } | undefined;
  #count = 0;
  #closed = false;

  constructor(client: MixnetClient, options: RustServerOptions) {
    this.#client = client;
    this.#options = options;
    this.#stopListening = client.on('message', ({ payload, senderTag }) => {
      const message = PROXY_ENVELOPE.decode(payload);
      // It cannot read frames, and cannot answer without a tag.
      if (message.kind === 'frames' || senderTag === undefined) return;
      this.#last = { message, senderTag };
      this.#count += 1;
      if (!this.#sessions.has(message.sessionId)) this.#serve(message.sessionId);
      for (const wake of this.#wakes) wake();
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const { socket } of this.#sessions.values()) socket.destroy();
    for (const wake of this.#wakes) wake();
  }

  #serve(id: SessionId): void {
    const [host = '', port] = this.#options.upstream.split(':');
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => undefined);
    const session: ServedSession = {
      socket,
      waiting: [],
      seen: this.#count - 1,
      nextId: 0,
      nextReplyId: 0,
      senderTag: undefined,
    };
    this.#sessions.set(id, session);
    socket.on('data', (bytes) => {
      for (let at = 0; at < bytes.length; at += RUST_MESSAGE_BYTES) {
        this.#reply(id, session, bytes.subarray(at, at + RUST_MESSAGE_BYTES));
      }
    });
    socket.once('connect', () => void this.#handle(id, session));
  }

  #reply(sessionId: SessionId, session: ServedSession, body: Uint8Array): void {
    const messageId = session.nextReplyId;
    session.nextReplyId = (messageId + 1) & 0xffff;
    // What there is no tag for yet is lost, but has its id.
    if (session.senderTag === undefined) return;
    const reply = PROXY_ENVELOPE.encode({ sessionId, messageId, kind: 'data', body });
    this.#client.reply(session.senderTag, reply).catch(() => undefined);
  }

  async #handle(id: SessionId, session: ServedSession): Promise<void> {
    while (!this.#closed) {
      if (session.seen === this.#count) await this.#changeOrTick();
      if (session.seen < this.#count && this.#last?.message.sessionId === id) {
        session.waiting.push({ message: this.#last.message, since: performance.now() });
        session.senderTag = this.#last.senderTag;
      }
      session.seen = this.#count;
      if (this.#writeDue(session)) {
        session.socket.end();
        return;
      }
      await pause(this.#options.busyMs ?? 5);
    }
  }

  /** Writes what is due, in the order of the ids; whether that includes the peer's close. */
  #writeDue(session: ServedSession): boolean {
    const now = performance.now();
    const due = session.waiting
      .filter(({ message, since }) => now - since >= DECAY_MS || message.messageId <= session.nextId)
      .sort((a, b) => a.message.messageId - b.message.messageId);
    for (const entry of due) {
      const { kind, body, messageId } = entry.message;
      if (kind === 'close') return true;
      session.socket.write(body);
      session.waiting.splice(session.waiting.indexOf(entry), 1);
      session.nextId = messageId + 1;
    }
    return false;
  }

  async #changeOrTick(): Promise<void> {
    let wake: () => void = () => undefined;
    const changed = new Promise<void>((resolve) => (wake = resolve));
    this.#wakes.add(wake);
    await Promise.race([changed, pause(TICK_MS)]);
    this.#wakes.delete(wake);
  }
}
