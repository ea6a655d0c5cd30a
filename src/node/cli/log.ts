/**
 * The log of a command, on stderr or in a file.
 *
 * What goes in is meant for the operator's eyes and nobody's profile: no payload, no session ids, no peer's address.
 *
 * @module
 */
import { pino, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';

import { CommandError, messageOf } from './failure.js';
import { fileSink, LineWriter, stderrSink, type Sink } from './line-writer.js';

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
  /** Where it goes instead of stderr. */
  readonly logFile?: string;
  /** Where a line for each connection goes. */
  readonly accessLog?: string;
}

/** A log, and what writes it: the process never waits for that. */
export interface CommandLog {
  readonly log: Logger;
  readonly writer: LineWriter;
}

/** @throws {CommandError} if the log's file cannot be opened. */
export function createLog(options: LogOptions): CommandLog {
  const { logFile } = options;
  const isTerminal = logFile === undefined && process.stderr.isTTY;
  const sink = logFile === undefined ? stderrSink() : openFile('--log-file', logFile);
  const writer = new LineWriter(sink, (count) => {
    let line = '';
    const report = newLogger(options, isTerminal, (text) => (line = text));
    report.warn({ event: 'lost', count }, `${count} lines are missing here: they were not read in time.`);
    return line;
  });
  return { log: newLogger(options, isTerminal, (line) => writer.write(line)), writer };
}

/**
 * A file that the operator named with an option.
 *
 * @throws {CommandError} if it cannot be opened.
 */
export function openFile(option: string, path: string): Sink {
  try {
    return fileSink(path);
  } catch (error) {
    throw new CommandError(`${option} ${path} cannot be opened: ${messageOf(error)}. Give another file.`);
  }
}

/** @param write gets each line, with its end. */
function newLogger(
  { logFormat, logLevel }: LogOptions,
  isTerminal: boolean,
  write: (line: string) => void,
): Logger {
  // Neither process id nor host name: they tell the operator nothing and everybody else too much.
  const options = { level: logLevel, base: null };
  if (logFormat === 'json') {
    return pino(
      {
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write },
    );
  }
  const pretty = prettyFactory({
    colorize: isTerminal && process.env['NO_COLOR'] === undefined,
    // Who watches a terminal knows the day.
    translateTime: isTerminal ? 'SYS:HH:MM:ss' : 'SYS:yyyy-mm-dd HH:MM:ss',
    // The message says in words what the other fields say to programs.
    include: 'level,time,err',
  });
  return pino(options, { write: (line: string) => write(pretty(line)) });
}
