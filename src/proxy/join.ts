import { SessionError } from '../session/errors.js';

/** A connection as two byte streams: what comes from it and what goes to it. */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** A connection outside the mixnet. */
export interface UpstreamConnection extends ByteStreams {
  /** Breaks the connection off at once, whatever still waits in it. */
  reset(): void;
}

/**
 * Carries bytes between a session and a connection, each direction on its own: an end is passed on as an end, so
 * half-closed connections work, and an error as an error. Back-pressure holds the faster side back. When the signal
 * aborts, the connection is broken off.
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
  const ends = await Promise.allSettled([
    session.readable.pipeTo(connection.writable),
    connection.readable.pipeTo(session.writable),
  ]);
  signal.removeEventListener('abort', cut);
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  // When a session is reset, the other direction may fail of it first; the session's own error tells why.
  const reason = failures.find((failure) => failure instanceof SessionError) ?? failures[0];
  if (reason !== undefined)
    throw reason instanceof Error ? reason : new Error('a connection broke', { cause: reason });
}
