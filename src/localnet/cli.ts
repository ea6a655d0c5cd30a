#!/usr/bin/env node
/**
 * The localnet command.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { localnetCommand, parseCommand } from './cli-options.js';
import type { CommandOptions } from './cli-options.js';
import { readyText, statsLine } from './cli-text.js';
import { writeEnvFile } from './env-file.js';
import { LocalnetError } from './errors.js';
import { startLocalnet } from './localnet.js';
import type { Localnet } from './localnet.js';
import type { LocalnetTls } from './localnet-options.js';

const EXIT_FAILURE = 1;
/** Something the user can put right. */
const EXIT_USAGE = 2;
/** After a signal everything ends within 5 s, whatever hangs. */
const SHUTDOWN_LIMIT_MS = 4500;

/** The exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (typeof options === 'number') return options;
  // From here on, so that a signal during the start ends it in order too.
  const signal = firstSignal();
  try {
    return await runUntil(signal, options);
  } catch (error) {
    if (!(error instanceof LocalnetError)) throw error;
    complain(error.message);
    return EXIT_USAGE;
  }
}

/** The options, or the exit code after `--help` or a wrong option. */
function readOptions(argv: readonly string[]): CommandOptions | number {
  const command = localnetCommand().configureOutput({ writeErr: () => undefined });
  try {
    return parseCommand(command, argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    complain(
      `${error.message.replace(/^error: /, '')}${/[.!?]$/.test(error.message) ? '' : '.'} See --help.`,
    );
    return EXIT_USAGE;
  }
}

async function runUntil(signal: Promise<void>, options: CommandOptions): Promise<number> {
  const { envFile, loss, duplication, extraDelayMs, statsS, tlsKey, tlsCert, tlsHostname, ...rest } = options;
  let fail: (exitCode: number) => void = () => undefined;
  const failure = new Promise<number>((resolve) => {
    fail = resolve;
  });
  const localnet = await startLocalnet({
    ...rest,
    faults: { loss, duplication, extraDelayMs },
    tls: await readTls(tlsKey, tlsCert, tlsHostname),
    onTrouble: complain,
    onFailure: (error) => {
      complain(error.message);
      fail(EXIT_FAILURE);
    },
  });
  const stats = statsS === 0 ? undefined : setInterval(() => void printStats(localnet), statsS * 1000);
  try {
    if (envFile !== undefined) await writeEnvFile(envFile, localnet.envFile());
    process.stdout.write(`${readyText(localnet, envFile)}\n`);
    return await Promise.race([signal.then(() => 0), failure]);
  } finally {
    clearInterval(stats);
    await localnet.close();
  }
}

/** @throws {LocalnetError} `bad-option` if a file cannot be read, or only one is given */
async function readTls(
  keyPath: string | undefined,
  certPath: string | undefined,
  hostname: string | undefined,
): Promise<LocalnetTls | undefined> {
  if (keyPath === undefined && certPath === undefined && hostname === undefined) return undefined;
  if (keyPath === undefined || certPath === undefined) {
    throw new LocalnetError(
      'bad-option',
      'TLS needs both a key and a certificate. Give --tls-key and --tls-cert.',
    );
  }
  try {
    return { key: await readFile(keyPath, 'utf8'), cert: await readFile(certPath, 'utf8'), hostname };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LocalnetError('bad-option', `the key or certificate for TLS cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        setTimeout(() => process.exit(EXIT_FAILURE), SHUTDOWN_LIMIT_MS).unref();
        resolve();
      });
    }
  });
}

/** Never rejects. */
async function printStats(localnet: Localnet): Promise<void> {
  try {
    process.stderr.write(`${statsLine(await localnet.counters())}\n`);
  } catch {
    // It is being closed.
  }
}

function complain(message: string): void {
  process.stderr.write(`nym-localnet: ${message}\n`);
}

process.exitCode = await main(process.argv.slice(2));
