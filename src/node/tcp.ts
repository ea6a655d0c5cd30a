import type { Socket } from 'node:net';

import type { UpstreamConnection } from '../proxy/join.js';
import { DEFAULT_SESSION_LIMITS } from '../proxy/session-limits.js';
import { SessionError, type SessionErrorCode } from '../session/errors.js';
import { connectFirst } from './happy-eyeballs.js';

/** A TCP upstream. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
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
    throw new RangeError(`"${text}" is not a TCP address; write it as host:port, for example 127.0.0.1:8000`);
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
 * Opens a TCP connection.
 *
 * @param timeoutMs how long the upstream may take to accept it; 0 for as long as the system lets it.
 * @throws {SessionError} `refused`, `unreachable` or `timeout`.
 * @throws the signal's reason if it aborts.
 */
export async function connectTcp(
  address: TcpAddress,
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
    const options = { ...address, ...CHUNK_BY_CHUNK, allowHalfOpen: true, noDelay: true };
    return streamsOf(await connectFirst(options, gaveUp.signal));
  } catch (error) {
    if (gaveUp.signal.aborted) throw error;
    throw new SessionError(wasRefused(error) ? 'refused' : 'unreachable', 'us', undefined, { cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** By one address at least; that another leads nowhere is often so, and says less. */
function wasRefused(error: unknown): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.some((one) => one instanceof Error && 'code' in one && one.code === 'ECONNREFUSED');
}

/**
 * A connected socket (opened with `allowHalfOpen` and {@link CHUNK_BY_CHUNK}) as two byte streams. Closing the writable half-closes; aborting it,
 * or cancelling the readable, resets the TCP connection. A reset by the other side errors both with a
 * {@link SessionError}, `brokenBy` telling which code.
 */
export function streamsOf(socket: Socket, brokenBy: SessionErrorCode = 'upstream-reset'): UpstreamConnection {
  let failure: SessionError | undefined;
  let wake: (() => void) | undefined;
  const broken = () => failure ?? new SessionError(brokenBy, 'us');
  // Kept for the socket's whole life: an error without a listener would end the process.
  socket.on('error', (cause) => {
    failure ??= new SessionError(brokenBy, 'us', undefined, { cause });
    wake?.();
  });
  for (const event of ['drain', 'close'] as const) socket.on(event, () => wake?.());

  let readSoon: () => void = () => undefined;
  let stopReading: () => void = () => undefined;
  const readable = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let scheduled: NodeJS.Immediate | undefined;
        const read = () => {
          scheduled = undefined;
          if ((controller.desiredSize ?? 0) <= 0) return;
          const bytes = socket.read() as Buffer | null;
          if (bytes !== null) controller.enqueue(bytes);
        };
        // Not at once: libuv, which has just read, must find that nobody reads any more.
        readSoon = () => void (scheduled ??= setImmediate(read));
        const onReadable = () => readSoon();
        const onEnd = () => controller.close();
        // A destroyed socket may still hand out what it had buffered, to a controller that takes no more.
        stopReading = () => {
          socket.off('readable', onReadable).off('end', onEnd);
          readSoon = () => undefined;
          clearImmediate(scheduled);
        };
        socket.on('readable', onReadable).on('end', onEnd);
        socket.on('close', () => {
          stopReading();
          if (!socket.readableEnded) controller.error(broken());
        });
      },
      pull: () => readSoon(),
      cancel: () => {
        stopReading();
        reset(socket);
      },
    },
    { highWaterMark: 64 * 1024, size: (bytes) => bytes.length },
  );

  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      socket.on('close', () => controller.error(broken()));
      // The sink's own `abort` would only be called once the write under way has ended, which may need this reset.
      controller.signal.addEventListener('abort', () => reset(socket));
    },
    async write(bytes) {
      if (socket.destroyed) throw broken();
      if (socket.write(bytes)) return;
      await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
    },
    close: () => new Promise<void>((resolve) => void socket.end(resolve)),
  });
  return { readable, writable, reset: () => reset(socket) };
}

/** Ends the connection with RST, so that the other side learns that bytes may be missing. */
function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}
