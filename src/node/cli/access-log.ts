import { SessionError, type SessionReport } from '../index.js';
import { LineWriter } from './line-writer.js';
import { openFile } from './log.js';
import type { SessionSource } from './session-log.js';

/** @throws {CommandError} if the file cannot be opened. */
export function openAccessLog(path: string): LineWriter {
  return new LineWriter(openFile('--access-log', path), (count) => `${JSON.stringify({ lost: count })}\n`);
}

/**
 * Writes a line of JSON for each connection that has ended: when it was opened, how long it lasted, what it carried, and
 * its outcome, `ok` or the code of its reset. Like the log it tells nothing of the peer.
 */
export function logAccess(proxy: SessionSource, writer: LineWriter): void {
  const openedAt = new Map<number, number>();
  const write = ({ number, bytesSent, bytesReceived }: SessionReport, outcome: string, by?: string) => {
    const now = Date.now();
    const opened = openedAt.get(number) ?? now;
    openedAt.delete(number);
    const line = {
      time: new Date(opened).toISOString(),
      session: number,
      durationMs: now - opened,
      bytesSent,
      bytesReceived,
      outcome,
      by,
    };
    writer.write(`${JSON.stringify(line)}\n`);
  };
  proxy.on('session', ({ number }) => openedAt.set(number, Date.now()));
  proxy.on('end', (report) => write(report, 'ok'));
  proxy.on('error', ({ session, error }) => {
    if (error instanceof SessionError) write(session, error.code, error.by);
    else write(session, error.name === 'AbortError' ? 'aborted' : 'other');
  });
}
