/**
 * What every command does alike: read its options, run until it is told to end, and say in one line why it could not.
 *
 * @module
 */
import { CommanderError, type Command } from 'commander';

import { explainFailure, oneLine } from './failure.js';
import { createLog, type Logger, type LogOptions } from './log.js';
import { END_LIMIT_MS, stopSignal } from './stop-signal.js';

/** The command has done its work, or a signal ended it. */
export const EXIT_OK = 0;
/** Something broke while the command was at work. */
const EXIT_FAILURE = 1;
/** It could not start, for a reason that its user can put right. */
const EXIT_USAGE = 2;
/** A fault of the program: `EX_SOFTWARE` of sysexits.h. */
const EXIT_BUG = 70;

/** What a command has to work with. */
export interface Surroundings {
  readonly log: Logger;
  /** Aborts when the user wants the command to end. */
  readonly signal: AbortSignal;
}

/** A command at work. */
export interface Service {
  /** Works until it is done or the signal aborts; gives the exit code. */
  run(): Promise<number>;
  /** Releases everything. Never rejects. */
  close(): Promise<void>;
}

type Start<O> = (options: O, surroundings: Surroundings) => Promise<Service>;

/**
 * Runs a command from its arguments to its exit code: 0 when it has done its work or a signal ended it, 1 if it broke
 * off, 2 if it could not start, 70 for a fault of its own. The reason is on stderr.
 */
export async function runCommand<O extends object>(command: Command, start: Start<O>): Promise<number> {
  process.stdout.on('error', ignoreBrokenPipe);
  const complain: Complain = (text, bug) => {
    const { logFormat } = command.opts<Partial<LogOptions>>();
    // Unlike what is logged otherwise, this is said at every log level.
    if (logFormat === 'json') createLog({ logFormat, logLevel: 'error' }).fatal(bug && { err: bug }, text);
    else
      process.stderr.write(`${command.name()}: ${text}\n${bug?.stack === undefined ? '' : `${bug.stack}\n`}`);
  };
  const done = readArguments(command, complain);
  if (done !== undefined) return done;

  process.on('uncaughtException', (error) => process.exit(failed(error, EXIT_BUG, complain)));
  const log = createLog({ logFormat: 'text', logLevel: 'info', ...command.opts<Partial<LogOptions>>() });
  const signal = stopSignal({
    onStop: (name) => log.info(`${name}: ending.`),
    onLate: () => log.warn(`Not everything ended within ${END_LIMIT_MS / 1000} s; the rest is cut off.`),
  });
  let service: Service;
  try {
    service = await start(command.opts<O>(), { log, signal });
  } catch (error) {
    return wasEnded(error, signal) ? EXIT_OK : failed(error, EXIT_USAGE, complain);
  }
  try {
    return await service.run();
  } catch (error) {
    return wasEnded(error, signal) ? EXIT_OK : failed(error, EXIT_FAILURE, complain);
  } finally {
    await service.close();
  }
}

/** Says in one line why the command ends; a fault of its own with all there is to know about it. */
type Complain = (line: string, bug?: Error) => void;

/** Gives the exit code if that was all, after `--help` or a wrong argument. */
function readArguments(command: Command, complain: Complain): number | undefined {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  try {
    command.parse();
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT_OK;
    const what = error.message.replace(/^error: /, '');
    complain(oneLine(`${what}${/[.!?]$/.test(what) ? '' : '.'} See --help.`));
    return EXIT_USAGE;
  }
}

/** Whether the error only says that what was under way was given up, as the user wished. */
function wasEnded(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === 'AbortError';
}

/** Says why; gives the exit code. */
function failed(error: unknown, code: number, complain: Complain): number {
  const why = explainFailure(error);
  if (why !== undefined) {
    complain(why);
    return code;
  }
  const bug = error instanceof Error ? error : new Error(String(error));
  complain('This is a fault of the program; please report it.', bug);
  return EXIT_BUG;
}

/** Whoever stops reading what a command prints, as `head` does, does not want it to end. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
