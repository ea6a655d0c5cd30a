import { MixnetClientError, SessionError, type ProxyEvents, type SessionReport } from '../index.js';
import { messageOf, oneLine } from './failure.js';
import type { Logger } from './log.js';
import { Throttle } from './throttle.js';
import { formatBytes, formatSeconds } from './units.js';

/** A client or server, as far as its sessions are to be logged. */
export interface SessionSource {
  on<E extends keyof ProxyEvents>(event: E, listener: (value: ProxyEvents[E]) => void): () => void;
}

/** Lines about sessions that may come at once, and a second: of each level, so that none hides another. */
const BURST = 100;
const PER_SECOND = 1;

/**
 * Logs what happens to each session: its number, its bytes, and how it ended. At `debug` of every one; otherwise of no
 * more than a line a second and level in the long run, with how many are missing.
 *
 * @param signal aborts when the command is to end; that sessions end then is no trouble.
 * @param now a clock in ms.
 */
export function logSessions(
  proxy: SessionSource,
  log: Logger,
  signal: AbortSignal,
  now?: () => number,
): void {
  const openedAt = new Map<number, number>();
  const levelOf = (error: Error) => (signal.aborted ? 'info' : gravity(error));
  const throttles = { info: newThrottle(now), warn: newThrottle(now), error: newThrottle(now) };
  const tell = (level: Level, fields: Record<string, unknown>, text: string) => {
    if (log.isLevelEnabled('debug')) {
      log[level](fields, text);
      return;
    }
    const untold = throttles[level].next();
    if (untold === undefined) return;
    if (untold > 0)
      log[level](
        { event: 'untold', count: untold },
        `${untold} lines about sessions were left out. ${EVERY_ONE}`,
      );
    log[level](fields, text);
  };

  proxy.on('session', ({ number }) => {
    openedAt.set(number, Date.now());
    tell('info', { session: number }, `Session ${number} opened`);
  });

  proxy.on('end', (report) => {
    const { fields, text } = describe(report, openedAt);
    tell('info', { ...fields, event: 'end' }, `Session ${report.number} ended ${text}`);
  });

  proxy.on('error', ({ session, error }) => {
    const { number } = session;
    if (!openedAt.has(number)) {
      tell(
        levelOf(error),
        { session: number, ...reasonFields(error) },
        `Session ${number} ${notOpened(error)}`,
      );
      return;
    }
    const { fields, text } = describe(session, openedAt);
    const reason = oneLine(error.message);
    tell(
      levelOf(error),
      { ...fields, ...reasonFields(error) },
      `Session ${number} broke off ${text}: ${reason}`,
    );
  });

  proxy.on('retry', ({ error, retryMs }) => {
    const reason = oneLine(messageOf(error));
    log.warn(
      { retryMs: Math.round(retryMs), reason },
      `A mixnet client was lost or did not start: ${reason} Next try in ${formatSeconds(retryMs)}.`,
    );
  });

  proxy.on('recovery', ({ outageMs }) => {
    log.info(
      { outageMs: Math.round(outageMs), event: 'recovery' },
      `A mixnet client is ready again, after ${formatSeconds(outageMs)}.`,
    );
  });
}

type Level = 'info' | 'warn' | 'error';

const EVERY_ONE = '--log-level debug or --access-log tells of every one.';

function newThrottle(now: (() => number) | undefined): Throttle {
  return new Throttle(BURST, PER_SECOND, now);
}

/** How a session went that is over. */
function describe(report: SessionReport, openedAt: Map<number, number>) {
  const { number, bytesSent, bytesReceived } = report;
  const durationMs = Date.now() - (openedAt.get(number) ?? Date.now());
  openedAt.delete(number);
  return {
    fields: { session: number, bytesSent, bytesReceived, durationMs },
    text:
      `after ${formatSeconds(durationMs)}, ` +
      `${formatBytes(bytesSent)} sent, ${formatBytes(bytesReceived)} received`,
  };
}

function notOpened(error: Error): string {
  return error.name === 'AbortError'
    ? 'was not opened: the application hung up before'
    : `was not opened: ${oneLine(error.message)}`;
}

/** That an application gives a connection up is everyday life. */
function gravity(error: Error): Level {
  if (error.name === 'AbortError') return 'info';
  if (error instanceof SessionError) return error.code === 'aborted' ? 'info' : 'warn';
  return error instanceof MixnetClientError ? 'warn' : 'error';
}

/** Programs get the code; of a fault of ours the log keeps all there is. */
function reasonFields(error: Error): Record<string, unknown> {
  if (error.name === 'AbortError') return { reason: 'aborted' };
  if (error instanceof SessionError) return { reason: error.code, by: error.by };
  if (error instanceof MixnetClientError) return { reason: error.code };
  return { err: error };
}
