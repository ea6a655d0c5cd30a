import type { Connect } from '../proxy/socket.js';
import { UpstreamConnection } from './connection.js';
import { TunnelFetchError } from './errors.js';

/** A connection for one exchange. */
export interface Lease {
  readonly connection: UpstreamConnection;
  /** Whether it has carried another exchange before. */
  readonly reused: boolean;
}

/** How a {@link ConnectionPool} is made. */
export interface PoolOptions {
  readonly connect: Connect;
  /** Connections open at the same time. */
  readonly maxSockets: number;
  /** The longest that a connection is kept without use. */
  readonly idleMs: number;
}

/** What a connection is wanted for. */
export interface Wish {
  /** One that has not been used before. */
  readonly fresh: boolean;
  /** Host that TLS is spoken with; without TLS all connections lead to the same upstream. */
  readonly tlsHost: string | undefined;
}

interface Waiter {
  readonly wish: Wish;
  readonly take: (lease: Lease) => void;
  readonly refuse: (reason: Error) => void;
}

interface IdleConnection {
  readonly connection: UpstreamConnection;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Why an idle connection goes when another is wanted and no more are allowed. */
const ROOM_WANTED = new TunnelFetchError('closed', 'The socket was idle, and another one was wanted');

/** A bounded number of connections to the upstream. Who asks for one first gets one first. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #open = new Set<UpstreamConnection>();
  /** The longest idle first. */
  readonly #idle: IdleConnection[] = [];
  readonly #waiting = new Set<Waiter>();
  readonly #closing = new Map<UpstreamConnection, Promise<void>>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Waits for a connection, which is then the caller's until {@link release} or {@link discard}.
   *
   * @throws the signal's reason if it aborts, or a {@link TunnelFetchError} `closed`.
   */
  acquire(wish: Wish, signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        wish,
        take(lease) {
          settle();
          resolve(lease);
        },
        refuse(reason) {
          settle();
          reject(reason);
        },
      };
      const onAbort = () => waiter.refuse(signal.reason as Error);
      if (signal.aborted) {
        onAbort();
        return;
      }
      if (this.#closed) {
        waiter.refuse(closedError());
        return;
      }
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  /** Takes back a connection that is ready for another exchange, for as long as its server keeps it. */
  release(connection: UpstreamConnection, keepAliveMs: number): void {
    const idleMs = Math.min(this.#options.idleMs, keepAliveMs);
    if (!this.#open.has(connection)) return;
    if (idleMs <= 0) {
      this.discard(connection, undefined);
      return;
    }
    const timer = setTimeout(() => this.discard(connection, undefined), idleMs);
    const idle = { connection, timer };
    this.#idle.push(idle);
    connection.watch(() => {
      // Once it is in use, what arrives is the answer.
      if (this.#idle.includes(idle)) this.discard(connection, undefined);
    });
    this.#serve();
  }

  /** Takes back a connection that is of no use any more; with a reason it is broken off, without it ends in peace. */
  discard(connection: UpstreamConnection, reason: unknown): void {
    if (!this.#open.delete(connection)) return;
    this.#leaveIdle(this.#idle.find((idle) => idle.connection === connection));
    const ended = reason === undefined ? connection.end() : connection.close(reason);
    const closing = ended.finally(() => this.#closing.delete(connection));
    this.#closing.set(connection, closing);
    this.#serve();
  }

  /** Refuses whoever waits, closes all connections, and settles when they have closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting) waiter.refuse(closedError());
    for (const connection of this.#open) this.discard(connection, closedError());
    for (const connection of this.#closing.keys()) void connection.close(closedError());
    await Promise.all(this.#closing.values());
  }

  #serve(): void {
    for (const waiter of this.#waiting) {
      const lease = this.#lease(waiter.wish);
      if (lease === undefined) return;
      waiter.take(lease);
    }
  }

  #lease({ fresh, tlsHost }: Wish): Lease | undefined {
    // The one used last is the least likely to be gone.
    const idle = fresh ? undefined : this.#idle.findLast(({ connection }) => connection.tlsHost === tlsHost);
    if (idle !== undefined) {
      this.#leaveIdle(idle);
      return { connection: idle.connection, reused: true };
    }
    if (this.#open.size >= this.#options.maxSockets) {
      // To make room serves whoever waits, and so leads back here.
      const [oldest] = this.#idle;
      if (oldest !== undefined) this.discard(oldest.connection, ROOM_WANTED);
      return undefined;
    }
    const connection = new UpstreamConnection(this.#options.connect, tlsHost);
    this.#open.add(connection);
    return { connection, reused: false };
  }

  #leaveIdle(idle: IdleConnection | undefined): void {
    if (idle === undefined) return;
    clearTimeout(idle.timer);
    this.#idle.splice(this.#idle.indexOf(idle), 1);
  }
}

/** What is left of fetches when their client is closed. */
export function closedError(): TunnelFetchError {
  return new TunnelFetchError('closed', 'This HTTP client was closed; make a new one');
}
