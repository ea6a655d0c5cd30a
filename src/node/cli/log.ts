/**
 * The log of a command, on stderr.
 *
 * What goes in is meant for the operator's eyes and nobody's profile: no payload, no session ids, no peer's address.
 *
 * @module
 */
import { pino, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';

export type { Logger };

export const LOG_FORMATS = ['text', 'json'] as const;
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;

/** What the user may choose about a log. */
export interface LogOptions {
  /**
   * - `text`: a line to read for each event; coloured on a terminal.
   * - `json`: a JSON object for each event, its level as a word and its time in ISO 8601.
   */
  readonly logFormat: (typeof LOG_FORMATS)[number];
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

const STDERR = 2;

/** Written at once, so that nothing is missing when the process ends. */
export function createLog({ logFormat, logLevel }: LogOptions): Logger {
  // Neither process id nor host name: they tell the operator nothing and everybody else too much.
  const options = { level: logLevel, base: null };
  if (logFormat === 'json') {
    return pino(
      {
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      pino.destination({ dest: STDERR, sync: true }),
    );
  }
  const isTerminal = process.stderr.isTTY;
  const pretty = PinoPretty({
    destination: STDERR,
    sync: true,
    colorize: isTerminal && process.env['NO_COLOR'] === undefined,
    // Who watches a terminal knows the day.
    translateTime: isTerminal ? 'SYS:HH:MM:ss' : 'SYS:yyyy-mm-dd HH:MM:ss',
    // The message says in words what the other fields say to programs.
    include: 'level,time,err',
  });
  return pino(options, pretty);
}
