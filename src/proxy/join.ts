import { SessionError } from '../session/errors.js';

/** A connection as two byte streams: what comes from it and what goes to it. */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** A connection outside the mixnet. */
export interface UpstreamConnection extends ByteStreams {
  /** Why the connection broke; `undefined` while it has not. */
  readonly failure: SessionError | undefined;
  /** Breaks the connection off, after its other side has had the time to take what was written. */
  fail(): Promise<void>;
  /** Breaks the connection off at once, whatever still waits in it. */
  reset(): void;
}

/**
 * Carries bytes between a session and a connection, each direction on its own: an end is passed on as an end, so
 * half-closed connections work, and an error as an error, behind every byte that came before it. Back-pressure holds the
 * faster side back. When the signal aborts, the connection is broken off.
 *
 * As through a good TCP relay, the answer of a server that does not read the request to its end arrives: a failure of one
 * direction does not cut the other off.
 *
 * Settles when both directions have ended; rejects with the {@link SessionError} that ended one of them, or with what
 * else did.
 */
export async function joinStreams(
  session: ByteStreams,
  connection: UpstreamConnection,
  signal: AbortSignal,
): Promise<void> {
  const cut = () => connection.reset();
  signal.addEventListener('abort', cut);
  if (signal.aborted) cut();
  const toConnection = session.readable.pipeTo(connection.writable, KEEP_ENDS);
  const toSession = connection.readable.pipeTo(session.writable, KEEP_ENDS);
  const failures = await Promise.all([
    toConnection.then(noFailure, async (failure: unknown) => {
      if (connection.failure) {
        // What the connection has sent before it broke still goes to the session.
        await toSession.catch(() => undefined);
        await session.readable.cancel(failure).catch(() => undefined);
      } else {
        await connection.fail();
      }
      return failure;
    }),
    toSession.then(noFailure, async (failure: unknown) => {
      if (connection.failure) {
        await session.writable.abort(failure).catch(() => undefined);
      } else {
        // What the session has received before it was reset still goes to the connection, which may be sending.
        await Promise.race([discard(connection.readable), toConnection.catch(() => undefined)]);
        await toConnection.catch(() => undefined);
        await connection.fail();
      }
      return failure;
    }),
  ]);
  signal.removeEventListener('abort', cut);
  // When a session is reset, the other direction may fail of it first; the session's own error tells why.
  const reasons = failures.filter((failure) => failure !== undefined);
  const reason = reasons.find((failure) => failure instanceof SessionError) ?? reasons[0];
  if (reason !== undefined)
    throw reason instanceof Error ? reason : new Error('a connection broke', { cause: reason });
}

/** A failure at one end of a pipe is left to us to pass on. */
const KEEP_ENDS = { preventAbort: true, preventCancel: true } as const;

const noFailure = () => undefined;

/** Reads a stream to its end, for nothing. */
async function discard(readable: ReadableStream<Uint8Array>): Promise<void> {
  const reader = readable.getReader();
  try {
    while (!(await reader.read()).done);
  } catch {
    // Its end, too.
  }
}
