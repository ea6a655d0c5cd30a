#!/usr/bin/env node
/**
 * `nym-proxy-server`: forwards TCP sessions from the mixnet to an upstream.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { Option, type Command } from 'commander';

import { MixnetClientError, NymProxyServer, type TrafficProfile } from '../index.js';
import { CommandError } from './failure.js';
import type { LogOptions } from './log.js';
import * as options from './options.js';
import { runCommand, type Service, type Surroundings } from './run-command.js';
import { logSessions } from './session-log.js';

const DEFAULT_CONFIG_DIR = '~/.nym-tcp-proxy-server';

interface ServerOptions extends LogOptions {
  readonly upstreamTcpAddress: string;
  readonly configDir: string;
  readonly envPath?: string;
  readonly gateway?: string;
  readonly traffic: TrafficProfile;
  readonly closeTimeout: number;
  readonly passphraseFile?: string;
  readonly ephemeral?: boolean;
}

const HELP_AFTER = `
The one line on stdout is the server's Nym address, for nym-proxy-client's
--server-address.`;

function serverCommand(): Command {
  return options
    .newCommand('nym-proxy-server', 'Forwards TCP sessions that come through the Nym mixnet to one service.')
    .addOption(
      new Option('-u, --upstream-tcp-address <addr>', 'TCP service to forward to, as host:port')
        .argParser(options.tcpAddress)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('-c, --config-dir <directory>', 'keeps the identity, and with it the Nym address').default(
        DEFAULT_CONFIG_DIR,
      ),
    )
    .addOption(
      new Option('--ephemeral', 'keep nothing: another Nym address at every start').conflicts([
        'configDir',
        'passphraseFile',
      ]),
    )
    .option('--passphrase-file <file>', 'its first line encrypts the keys in the config directory')
    .addOption(options.envPathOption())
    .option('-g, --gateway <identity>', 'gateway of a new identity, in base58 (default: drawn at random)')
    .addOption(options.trafficOption('default'))
    .addOption(options.closeTimeoutOption(60))
    .addOption(options.logFormatOption())
    .addOption(options.logLevelOption())
    .addHelpText('after', `${options.TRAFFIC_HELP}${HELP_AFTER}`);
}

async function startServer(given: ServerOptions, { log, signal }: Surroundings): Promise<Service> {
  const { upstreamTcpAddress: upstream, envPath, gateway, traffic, closeTimeout, ephemeral } = given;
  const server = await NymProxyServer.create({
    upstream,
    configDir: ephemeral ? undefined : withHome(given.configDir),
    passphrase: await readPassphrase(given.passphraseFile),
    env: envPath,
    gateway,
    traffic,
    closeTimeout,
    signal,
  });
  logSessions(server, log, signal);
  process.stdout.write(`${server.nymAddress}\n`);
  log.info({ upstream }, `Serving; sessions go to ${upstream}`);
  return {
    run: async () => {
      await server.run({ signal }).catch((error: unknown) => {
        throw explainLoss(error);
      });
      return 0;
    },
    close: () => server.close(),
  };
}

/** `~` as the shell reads it, for the default and for where no shell was at work. */
function withHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

async function readPassphrase(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The passphrase file ${file} cannot be read (${why}). Give one that can.`);
  });
  const [passphrase = ''] = text.split(/\r?\n/);
  if (passphrase !== '') return passphrase;
  throw new CommandError(
    `The passphrase file ${file} has nothing in its first line. Write the passphrase there.`,
  );
}

/** A server that keeps its identity comes back by itself; only an ephemeral one gets here. */
function explainLoss(error: unknown): unknown {
  if (!(error instanceof MixnetClientError)) return error;
  return new CommandError(
    `The Nym address is lost with the gateway connection: ${error.message} ` +
      'Start again for a new address, or without --ephemeral for one that lasts.',
    { cause: error },
  );
}

process.exitCode = await runCommand(serverCommand(), startServer);
