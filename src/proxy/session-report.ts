import type { Connection } from '../session/connection.js';

/** What can be told of a session without giving its id away, which is the right to speak in its name. */
export interface SessionReport {
  /** Counts the sessions of this client or server, from 1. */
  readonly number: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** From the first bytes sent to the first answer in ms, the upstream's time included; unless there was none yet. */
  readonly openingMs?: number;
}

/** The events of a client or server. */
export interface ProxyEvents {
  /** A session has been opened. */
  session: SessionReport;
  /** A session has ended and all its bytes were delivered. */
  end: SessionReport;
  /** A session was reset, or could not be opened. */
  error: { readonly session: SessionReport; readonly error: Error };
  /** A mixnet client could not be started or was lost; the next try is `retryMs` away. */
  retry: { readonly error: unknown; readonly retryMs: number };
  /** A mixnet client is ready again, `outageMs` after the first `retry`. */
  recovery: { readonly outageMs: number };
}

/** Reports on a session; before it is open there is nothing to count. */
export function reportOf(number: number, session?: Pick<Connection, 'stats'>): SessionReport {
  const { bytesSent = 0, bytesReceived = 0, openingMs } = session?.stats() ?? {};
  return { number, bytesSent, bytesReceived, ...(openingMs !== undefined && { openingMs }) };
}
