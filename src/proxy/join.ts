import { SessionError } from '../session/errors.js';

/** A connection as two byte streams: what comes from it and what goes to it. */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Carries bytes between two connections, each direction on its own: an end is passed on as an end, so half-closed
 * connections work, and an error as an error. Back-pressure holds the faster side back.
 *
 * Settles when both directions have ended; rejects with the error of the first that failed.
 */
export async function joinStreams(a: ByteStreams, b: ByteStreams): Promise<void> {
  const ends = await Promise.allSettled([a.readable.pipeTo(b.writable), b.readable.pipeTo(a.writable)]);
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  // When a session is reset, the other direction may fail of it first; the session's own error tells why.
  const reason = failures.find((failure) => failure instanceof SessionError) ?? failures[0];
  if (reason !== undefined)
    throw reason instanceof Error ? reason : new Error('a connection broke', { cause: reason });
}
