/**
 * What every command does alike: read its options, run until it is told to end, and say in one line why it could not.
 *
 * @module
 */
import { CommanderError, type Command } from 'commander';

import {
  changedOptions,
  describeConfiguration,
  readConfiguration,
  type Configuration,
} from './configuration.js';
import { CommandError, explainFailure, messageOf, oneLine } from './failure.js';
import type { LineWriter } from './line-writer.js';
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
  /** Calls the listener at SIGHUP, from now on. */
  readonly onReload: (listener: () => void) => void;
  /** A writer to be reopened at SIGHUP, and flushed at the end. */
  readonly onWriter: (writer: LineWriter) => void;
}

/** A command at work. */
export interface Service {
  /** Works until it is done or the signal aborts; gives the exit code. */
  run(): Promise<number>;
  /** Takes nothing new; settles when what is under way has ended. Never rejects. */
  drain?(): Promise<void>;
  /** Releases everything. Never rejects. */
  close(): Promise<void>;
}

type Start<O> = (options: O, surroundings: Surroundings) => Promise<Service>;

/** What commands may let their user choose about how they run. */
interface RunOptions extends LogOptions {
  /** Seconds for what is under way to end, at SIGTERM. */
  readonly grace?: number;
}

/** How long a command that ends waits for somebody to read its log. */
const FLUSH_LIMIT_MS = 500;

/**
 * Runs a command from its arguments to its exit code: 0 when it has done its work or a signal ended it, 1 if it broke
 * off, 2 if it could not start, 70 for a fault of its own. The reason is on stderr.
 */
export async function runCommand<O extends object>(command: Command, start: Start<O>): Promise<number> {
  process.stdout.on('error', ignoreBrokenPipe);
  const run = new CommandRun(command);
  process.on('uncaughtException', (error) => void run.exit(run.failed(error, EXIT_BUG)));
  const configuration = readArguments(command, run);
  const code =
    typeof configuration === 'number' ? configuration : await runWith(command, start, run, configuration);
  if (!(await run.flush())) process.exit(code);
  return code;
}

async function runWith<O extends object>(
  command: Command,
  start: Start<O>,
  run: CommandRun,
  configuration: Configuration,
): Promise<number> {
  const { grace = 0, ...logOptions } = optionsIn<RunOptions>(configuration);
  let log: Logger;
  try {
    log = run.openLog({ logFormat: 'text', logLevel: 'info', ...logOptions });
  } catch (error) {
    return run.failed(error, EXIT_USAGE);
  }
  let service: Service | undefined;
  const signal = stopSignal({
    graceMs: grace * 1000,
    drain: () => service?.drain?.() ?? Promise.resolve(),
    onStop: (name) => log.info(`${name}: ending.`),
    onLate: () => log.warn(`Not everything ended within ${END_LIMIT_MS / 1000} s; the rest is cut off.`),
    exit: (code) => void run.exit(code),
  });
  // It never ends the command, whether anything is to be read again or not.
  const reloads: (() => void)[] = [];
  process.on('SIGHUP', () => {
    for (const reload of reloads) reload();
  });
  reloads.push(
    () => run.reopenLog(log),
    () => reloadConfiguration(command, configuration, log),
  );
  const onReload = (listener: () => void) => void reloads.push(listener);
  const onWriter = (writer: LineWriter) => run.add(writer);
  try {
    service = await start(optionsIn<O>(configuration) as O, { log, signal, onReload, onWriter });
  } catch (error) {
    return wasEnded(error, signal) ? EXIT_OK : run.failed(error, EXIT_USAGE);
  }
  try {
    return await service.run();
  } catch (error) {
    return wasEnded(error, signal) ? EXIT_OK : run.failed(error, EXIT_FAILURE);
  } finally {
    await service.close();
  }
}

/** What a command writes to stderr and its log, and how it comes to its end. */
class CommandRun {
  readonly #command: Command;
  readonly #writers: LineWriter[] = [];

  constructor(command: Command) {
    this.#command = command;
  }

  /** @throws {CommandError} if its file cannot be opened. */
  openLog(options: LogOptions): Logger {
    const { log, writer } = createLog(options);
    this.#writers.push(writer);
    return log;
  }

  add(writer: LineWriter): void {
    this.#writers.push(writer);
  }

  reopenLog(log: Logger): void {
    try {
      for (const writer of this.#writers) writer.reopen();
    } catch (error) {
      log.error(`A log's file cannot be opened anew, and the old one stays in use: ${messageOf(error)}.`);
    }
  }

  /** Says in one line why the command ends; of a fault of its own all there is to know. At every log level. */
  complain(text: string, bug?: Error): void {
    const { logFormat = 'text' } = this.#command.opts<Partial<LogOptions>>();
    const { log, writer } = createLog({ logFormat, logLevel: 'error' });
    this.#writers.push(writer);
    if (logFormat === 'json') log.fatal(bug && { err: bug }, text);
    else
      writer.write(`${this.#command.name()}: ${text}\n${bug?.stack === undefined ? '' : `${bug.stack}\n`}`);
  }

  /** Says why; gives the exit code. */
  failed(error: unknown, code: number): number {
    const why = explainFailure(error);
    if (why !== undefined) {
      this.complain(why);
      return code;
    }
    const bug = error instanceof Error ? error : new Error(String(error));
    this.complain('This is a fault of the program; please report it.', bug);
    return EXIT_BUG;
  }

  /** Whether everything is written; what nobody reads in time is given up. */
  async flush(): Promise<boolean> {
    const written = await Promise.all(this.#writers.map((writer) => writer.flush(FLUSH_LIMIT_MS)));
    return !written.includes(false);
  }

  /** Ends the process, with what it had to say. */
  async exit(code: number): Promise<void> {
    await this.flush();
    process.exit(code);
  }
}

/** At SIGHUP: what can change while a command runs does, and the rest is named. */
function reloadConfiguration(command: Command, running: Configuration, log: Logger): void {
  try {
    const configuration = readConfiguration(command);
    const changed = changedOptions(command, running, configuration);
    const { logLevel } = optionsIn<LogOptions>(configuration);
    if (logLevel !== undefined) log.level = logLevel;
    const later = changed.filter((option) => option !== '--log-level');
    if (later.length > 0) log.warn(`These options take effect at the next start: ${later.join(', ')}.`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    log.error(`The configuration cannot be read again, and the old one stays in use: ${error.message}`);
  }
}

function optionsIn<O>(configuration: Configuration): Partial<O> {
  return Object.fromEntries([...configuration].map(([name, { value }]) => [name, value])) as Partial<O>;
}

/** Gives the exit code if that was all, after `--help` or a wrong argument. */
function readArguments(command: Command, run: CommandRun): Configuration | number {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  try {
    command.parse();
    const configuration = readConfiguration(command);
    if (command.opts<{ printConfig?: boolean }>().printConfig) {
      process.stdout.write(describeConfiguration(command, configuration));
      return EXIT_OK;
    }
    return configuration;
  } catch (error) {
    if (error instanceof CommandError) return run.failed(error, EXIT_USAGE);
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT_OK;
    const what = error.message.replace(/^error: /, '');
    run.complain(oneLine(`${what}${/[.!?]$/.test(what) ? '' : '.'} See --help.`));
    return EXIT_USAGE;
  }
}

/** Whether the error only says that what was under way was given up, as the user wished. */
function wasEnded(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === 'AbortError';
}

/** A closed stdout (`| head`) must not end the command. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
