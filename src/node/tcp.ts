import { OptionError } from '../basics/options-check.js';
import { once } from 'node:events';
import { connect, type IpcNetConnectOpts, type Socket } from 'node:net';

import type { UpstreamConnection } from '../proxy/join.js';
import { DEFAULT_SESSION_LIMITS } from '../proxy/session-limits.js';
import { SessionError, type SessionErrorCode } from '../session/errors.js';
import { connectFirst } from './happy-eyeballs.js';

/** A TCP upstream. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** An upstream that listens on a Unix socket. */
export interface UnixAddress {
  readonly path: string;
}

/**
 * Reads `unix:` and a path.
 *
 * @throws {RangeError} saying what is wrong.
 */
export function parseUnixAddress(text: string): UnixAddress {
  const path = text.slice('unix:'.length);
  if (path === '') throw new RangeError(`"${text}" names no Unix socket; write it as unix:/path/to/socket`);
  return { path };
}

/**
 * Reads `host:port`, with brackets around an IPv6 address.
 *
 * @throws {RangeError} saying what is wrong.
 */
export function parseTcpAddress(text: string): TcpAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new OptionError(
      `"${text}" is not a TCP address; write it as host:port, for example 127.0.0.1:8000`,
    );
  }
  return { host, port };
}

/**
 * For sockets that {@link streamsOf} gets: they stop reading after each chunk, until they are asked for the next. To one
 * that goes on reading, libuv reports a reset that comes right behind data as the end of the stream (it takes the hang-up
 * that poll tells of for one), and what was cut short would pass for whole.
 */
export const CHUNK_BY_CHUNK = { highWaterMark: 1 } as const;

/**
 * Opens a TCP connection, or one to a Unix socket.
 *
 * @param timeoutMs how long the upstream may take to accept it; 0 for as long as the system lets it.
 * @throws {SessionError} `refused`, `unreachable` or `timeout`.
 * @throws the signal's reason if it aborts.
 */
export async function connectTcp(
  address: TcpAddress | UnixAddress,
  signal: AbortSignal,
  timeoutMs = DEFAULT_SESSION_LIMITS.connectTimeoutMs,
): Promise<UpstreamConnection> {
  signal.throwIfAborted();
  const gaveUp = new AbortController();
  const late = new SessionError('timeout', 'us', 'the upstream did not accept in time');
  const timer = timeoutMs > 0 ? setTimeout(() => gaveUp.abort(late), timeoutMs) : undefined;
  const onAbort = () => gaveUp.abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    const options = { ...CHUNK_BY_CHUNK, allowHalfOpen: true, noDelay: true };
    return streamsOf(
      'path' in address
        ? await connectUnix({ ...address, ...options }, gaveUp.signal)
        : await connectFirst({ ...address, ...options }, gaveUp.signal),
    );
  } catch (error) {
    if (gaveUp.signal.aborted) throw error;
    throw new SessionError(wasRefused(error) ? 'refused' : 'unreachable', 'us', undefined, { cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function connectUnix(options: IpcNetConnectOpts, signal: AbortSignal): Promise<Socket> {
  const socket = connect(options);
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw signal.aborted ? signal.reason : error;
  }
}

/** By one address at least; that another leads nowhere is often so, and says less. */
function wasRefused(error: unknown): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.some((one) => one instanceof Error && 'code' in one && one.code === 'ECONNREFUSED');
}

/** Bytes read ahead of what carries them on. */
const READ_AHEAD_BYTES = 64 * 1024;

/**
 * How long a connection that has failed lets the other side take what was written: until all of it has left this process,
 * then until the other side has had the time to read it. A reset before would destroy it on its way.
 */
const FLUSH_LIMIT_MS = 60_000;
const LINGER_MS = 1000;

/**
 * A connected socket (opened with `allowHalfOpen` and {@link CHUNK_BY_CHUNK}) as two byte streams. Closing the writable
 * half-closes; aborting it, or cancelling the readable, resets the TCP connection. A reset by the other side errors both
 * with a {@link SessionError}, `brokenBy` telling which code: the readable after every byte that came before.
 */
export function streamsOf(socket: Socket, brokenBy: SessionErrorCode = 'upstream-reset'): UpstreamConnection {
  const incoming = new IncomingBytes(socket, brokenBy);
  let wakeWriter: (() => void) | undefined;
  for (const event of ['drain', 'close'] as const) socket.on(event, () => wakeWriter?.());
  incoming.onFailure(() => wakeWriter?.());

  const readable = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => incoming.pull(controller),
      cancel: () => {
        incoming.stop();
        reset(socket);
      },
    },
    { highWaterMark: 0 },
  );

  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      incoming.onFailure(() => controller.error(incoming.broken));
      // The sink's own `abort` would only be called once the write under way has ended, which may need this reset.
      controller.signal.addEventListener('abort', () => reset(socket));
    },
    async write(bytes) {
      if (incoming.failure || socket.destroyed) throw incoming.broken;
      if (socket.write(bytes)) return;
      await new Promise<void>((resolve) => (wakeWriter = resolve));
      wakeWriter = undefined;
    },
    close: () => new Promise<void>((resolve) => void socket.end(resolve)),
  });
  return {
    readable,
    writable,
    get failure() {
      return incoming.failure;
    },
    fail: () => fail(socket, incoming),
    reset: () => reset(socket),
  };
}

/** What comes from a socket, read a little ahead; and why the socket broke. */
class IncomingBytes {
  readonly #socket: Socket;
  readonly #brokenBy: SessionErrorCode;
  readonly #chunks: Buffer[] = [];
  readonly #failed: (() => void)[] = [];
  #bytes = 0;
  #failure: SessionError | undefined;
  #scheduled: NodeJS.Immediate | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(socket: Socket, brokenBy: SessionErrorCode) {
    this.#socket = socket;
    this.#brokenBy = brokenBy;
    keepReadingAfterWriteErrors(socket, (error) => this.#fail(error));
    // Kept for the socket's whole life: an error without a listener would end the process.
    socket.on('error', (error) => this.#fail(error));
    socket.on('readable', () => this.#readSoon());
    socket.on('end', () => this.#wake?.());
    socket.on('close', () => {
      if (!socket.readableEnded || !socket.writableFinished) this.#fail();
      this.#wake?.();
    });
  }

  /** Why the connection broke; `undefined` while it has not. */
  get failure(): SessionError | undefined {
    return this.#failure;
  }

  /** The same, also for a connection that is about to break. */
  get broken(): SessionError {
    return this.#failure ?? new SessionError(this.#brokenBy, 'us');
  }

  /** Calls back once, when the connection breaks. */
  onFailure(callback: () => void): void {
    this.#failed.push(callback);
  }

  /** Gives the next chunk; the end or the failure only behind the last one. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#bytes -= chunk.length;
        controller.enqueue(chunk);
        this.#readSoon();
        return;
      }
      if (this.#socket.readableEnded) {
        controller.close();
        return;
      }
      if (this.#socket.destroyed) {
        controller.error(this.broken);
        return;
      }
      this.#readSoon();
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  /** Nobody reads any more: what comes is dropped. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#scheduled);
    this.#chunks.length = 0;
    this.#bytes = 0;
    if (!this.#socket.destroyed) this.#socket.resume();
  }

  /** Not at once: libuv, which has just read, must find that nobody reads any more ({@link CHUNK_BY_CHUNK}). */
  #readSoon(): void {
    if (!this.#stopped) this.#scheduled ??= setImmediate(() => this.#read());
  }

  #read(): void {
    this.#scheduled = undefined;
    if (this.#stopped || this.#bytes >= READ_AHEAD_BYTES) return;
    const bytes = this.#socket.read() as Buffer | null;
    if (bytes === null) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    this.#wake?.();
  }

  #fail(cause?: unknown): void {
    if (this.#failure) return;
    this.#failure = new SessionError(this.#brokenBy, 'us', undefined, { cause });
    for (const callback of this.#failed) callback();
  }
}

/**
 * A server that answers early and closes makes writing fail, while its answer waits to be read. A write that fails makes
 * Node read no more, and destroy the socket with what it holds. So the stream does not hear of it: we do.
 */
function keepReadingAfterWriteErrors(socket: Socket, onWriteError: (error: Error) => void): void {
  type Callback = (error?: Error | null) => void;
  const quietly =
    (callback: Callback): Callback =>
    (error) => {
      if (error) {
        onWriteError(error);
        socket.once('end', () => socket.destroy());
      }
      callback();
    };
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  const final = socket._final.bind(socket);
  socket._write = (chunk, encoding, callback) => write(chunk, encoding, quietly(callback));
  if (writev) socket._writev = (chunks, callback) => writev(chunks, quietly(callback));
  socket._final = (callback) => final(quietly(callback));
}

/** Breaks a connection off after the other side has had what was written: see {@link FLUSH_LIMIT_MS}. */
async function fail(socket: Socket, incoming: IncomingBytes): Promise<void> {
  // Who is still writing would not read before that has succeeded.
  incoming.stop();
  if (socket.writableLength > 0) await eventWithin(socket, 'drain', FLUSH_LIMIT_MS);
  if (!socket.destroyed && !socket.readableEnded) await eventWithin(socket, 'end', LINGER_MS);
  reset(socket);
}

/** Settles at an event, at the socket's end, or after so long. */
function eventWithin(socket: Socket, event: 'drain' | 'end', ms: number): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off(event, done).off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    socket.on(event, done).on('close', done);
  });
}

/**
 * Ends the connection with RST, so that the other side learns that bytes may be missing. Unix sockets have nothing like
 * that.
 */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  // All that was written has left, and its end is on its way. libuv cannot reset a connection in that moment; Node would
  // wait for it for ever when the process ends.
  if (socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished) {
    socket.destroy();
    return;
  }
  try {
    socket.resetAndDestroy();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    socket.destroy();
  }
}
