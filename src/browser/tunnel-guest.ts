import { transfer } from 'comlink';

import type { Dialled } from '../proxy/dialer.js';
import type { Connection } from '../session/connection.js';
import { SessionError } from '../session/errors.js';
import { replyOf, type Reply } from './failures.js';
import type { Tunnel } from './tunnel.js';
import type { TunnelService } from './tunnel-service.js';
import type { NumberedState, TunnelSnapshot } from './tunnel-state.js';

/** Sockets that one page or service worker may have open at once. */
export const MAX_SOCKETS = 256;

/** A session with its streams taken, so that one call at a time reads and writes. */
interface OpenSocket {
  readonly session: Connection;
  readonly server: string;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
}

interface Socket {
  readonly abort: AbortController;
  readonly opened: Promise<OpenSocket>;
  /** Whether its session has ended; it is kept for what may still be read of it, and for why. */
  ended: boolean;
}

/** One user of a tunnel, a page or service worker, with its sockets. */
export class TunnelGuest implements TunnelService {
  readonly #tunnel: Tunnel;
  readonly #sockets = new Map<number, Socket>();

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  open(socket: number, upstream?: string): Promise<Reply<string>> {
    return replyOf(async () => {
      const open = [...this.#sockets.values()].filter(({ ended }) => !ended);
      if (open.length >= MAX_SOCKETS) {
        throw new SessionError('limit', 'us', `more than ${MAX_SOCKETS} sockets at once; close some first`);
      }
      const abort = new AbortController();
      const opened = this.#tunnel.dial(abort.signal, upstream).then(takeStreams);
      this.#sockets.set(socket, { abort, opened, ended: false });
      opened.then(
        ({ session }) => {
          const end = () => this.#ended(socket);
          session.closed.then(end, end);
        },
        () => this.#sockets.delete(socket),
      );
      const { server } = await opened;
      return server;
    });
  }

  async read(socket: number): Promise<Reply<Uint8Array<ArrayBuffer> | null>> {
    const reply = await replyOf(async () => {
      const { reader } = await this.#socket(socket);
      const { value } = await reader.read();
      return value ? whole(value) : null;
    });
    return reply.ok && reply.value ? transfer(reply, [reply.value.buffer]) : reply;
  }

  write(socket: number, bytes: Uint8Array): Promise<Reply<void>> {
    return replyOf(async () => {
      const { writer } = await this.#socket(socket);
      await writer.write(bytes);
    });
  }

  finish(socket: number): Promise<Reply<void>> {
    return replyOf(async () => {
      const { writer } = await this.#socket(socket);
      await writer.close();
    });
  }

  ended(socket: number): Promise<Reply<void>> {
    return replyOf(async () => {
      const { session } = await this.#socket(socket);
      await session.closed;
    });
  }

  reset(socket: number): Promise<Reply<void>> {
    return replyOf(async () => {
      const known = this.#sockets.get(socket);
      this.#sockets.delete(socket);
      known?.abort.abort(new SessionError('aborted', 'us'));
      const open = await known?.opened.catch(() => undefined);
      open?.session.reset(new SessionError('aborted', 'us'));
    });
  }

  inspect(): Promise<Reply<TunnelSnapshot>> {
    return replyOf(() => this.#tunnel.inspect());
  }

  nextState(seen: number): Promise<Reply<NumberedState>> {
    return replyOf(() => this.#tunnel.states.next(seen));
  }

  /** Resets every socket that is still open. */
  leave(): void {
    for (const socket of this.#sockets.keys()) void this.reset(socket);
  }

  /** The page says when it is done with a socket; of those that it leaves to themselves, the oldest are forgotten. */
  #ended(socket: number): void {
    const known = this.#sockets.get(socket);
    if (known) known.ended = true;
    const ended = [...this.#sockets].filter(([, { ended }]) => ended);
    if (ended.length <= MAX_SOCKETS) return;
    const [oldest] = ended;
    if (oldest) this.#sockets.delete(oldest[0]);
  }

  #socket(socket: number): Promise<OpenSocket> {
    const known = this.#sockets.get(socket);
    if (!known) throw new SessionError('gone', 'us');
    return known.opened;
  }
}

function takeStreams({ connection: session, server }: Dialled): OpenSocket {
  const reader = session.readable.getReader();
  const writer = session.writable.getWriter();
  // A reset shows in `session.closed`.
  reader.closed.catch(() => undefined);
  writer.closed.catch(() => undefined);
  return { session, server, reader, writer };
}

/** A chunk may be a part of a message whose other parts are still needed. */
function whole(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return own ? new Uint8Array(buffer) : bytes.slice();
}
