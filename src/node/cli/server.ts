#!/usr/bin/env node
/**
 * `nym-proxy-server`: forwards TCP sessions from the mixnet to an upstream.
 *
 * @module
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

import { Option, type Command } from 'commander';

import {
  DEFAULT_SESSION_LIMITS,
  MixnetClientError,
  NymProxyServer,
  type ServerProtocol,
  type SessionLimits,
  type TrafficProfile,
} from '../index.js';
import { PrivateFileError, readPrivateFile } from '../../mixnet/node/private-file.js';
import { SERVER_PROTOCOLS } from '../../proxy/protocol.js';
import { logAccess, openAccessLog } from './access-log.js';
import { CommandError, messageOf, oneLine } from './failure.js';
import type { LogOptions } from './log.js';
import { serveMetrics, type MetricsOptions } from './metrics-server.js';
import * as options from './options.js';
import { logRefusals } from './refusal-log.js';
import { runCommand, type Service, type Surroundings } from './run-command.js';
import { logSessions } from './session-log.js';

const DEFAULT_CONFIG_DIR = '~/.nym-tcp-proxy-server';

interface ServerOptions extends LogOptions, MetricsOptions {
  readonly upstreamTcpAddress?: string;
  readonly upstream?: Readonly<Record<string, string>>;
  readonly allowUpstream?: readonly string[];
  readonly legacyUpstreamHeader?: boolean;
  readonly tokensFile?: string;
  readonly protocol: ServerProtocol;
  readonly maxSessions: number;
  readonly maxSessionsPerSender: number;
  readonly sessionRate: number;
  readonly sessionRatePerSender: number;
  readonly maxBuffered: number;
  readonly firstByteTimeout: number;
  readonly idleTimeout: number;
  readonly connectTimeout: number;
  readonly configDir: string;
  readonly envPath?: string;
  readonly gateway?: string;
  readonly traffic: TrafficProfile;
  readonly lanes: number;
  readonly closeTimeout: number;
  readonly passphraseFile?: string;
  readonly ephemeral?: boolean;
}

const HELP_AFTER = `
The one line on stdout is the server's Nym address, for nym-proxy-client's
--server-address.`;

const LIMITS = DEFAULT_SESSION_LIMITS;

const MEBIBYTE = 1024 * 1024;

const MAX_COUNT = 1_000_000;

/** A larger file is probably the wrong one. */
const MAX_PASSPHRASE_FILE_BYTES = 64 * 1024;

function countOption(flag: string, meaning: string, byDefault: number): Option {
  return new Option(`${flag} <n>`, `${meaning}; 0: no limit`)
    .argParser(options.wholeNumber(0, MAX_COUNT))
    .default(byDefault);
}

function serverCommand(): Command {
  const command = options
    .newCommand('nym-proxy-server', 'Forwards TCP sessions that come through the Nym mixnet to one service.')
    .addOption(
      new Option(
        '-u, --upstream-tcp-address <addr>',
        'service to forward to, as host:port, tls://host:port or unix:PATH',
      ).argParser(options.upstreamAddress),
    )
    .addOption(
      new Option(
        '--upstream <name=addr>',
        'one more service, for clients that ask for this name; may be repeated (tls:// takes ?ca=file and ?sni=name)',
      ).argParser(options.namedUpstream),
    )
    .addOption(
      new Option(
        '--allow-upstream <addr>',
        'what clients may ask for by its address, as db.internal:5432 or *.internal:443; may be repeated',
      ).argParser(options.repeated),
    )
    .option(
      '--legacy-upstream-header',
      'takes a line "UPSTREAM:host:port" for where a session leads; needs --allow-upstream',
    )
    .option('--tokens-file <file>', 'lets in only who has one of these access tokens')
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
    .addOption(options.protocolOption('what connections may come as', SERVER_PROTOCOLS, 'both'))
    .addOption(options.envPathOption())
    .option('-g, --gateway <identity>', 'gateway of a new identity, in base58 (default: drawn at random)')
    .addOption(options.trafficOption('default'))
    .addOption(
      options.lanesOption('mixnet clients to answer with, for connections whose clients have lanes too'),
    )
    .addOption(options.closeTimeoutOption(60))
    .addOption(countOption('--max-sessions', 'sessions at once', LIMITS.maxSessions))
    .addOption(countOption('--max-sessions-per-sender', 'of one mixnet client', LIMITS.maxSessionsPerSender))
    .addOption(countOption('--session-rate', 'new sessions a second', LIMITS.sessionRate))
    .addOption(countOption('--session-rate-per-sender', 'of one mixnet client', LIMITS.sessionRatePerSender))
    .addOption(countOption('--max-buffered', 'MiB held for all sessions', LIMITS.maxBufferedBytes / MEBIBYTE))
    .addOption(
      options.limitOption(
        '--first-byte-timeout',
        'time for the first byte of a session, from either side',
        LIMITS.firstByteTimeoutMs,
      ),
    )
    .addOption(
      options.limitOption('--idle-timeout', 'time without a byte in either direction', LIMITS.idleTimeoutMs),
    )
    .addOption(
      options.limitOption('--connect-timeout', 'time for the upstream to accept', LIMITS.connectTimeoutMs),
    )
    .addHelpText('after', `${options.TRAFFIC_HELP}${HELP_AFTER}`);
  for (const option of [...options.operatingOptions()]) command.addOption(option);
  return command;
}

async function startServer(
  given: ServerOptions,
  { log, signal, onReload, onWriter }: Surroundings,
): Promise<Service> {
  const { upstreamTcpAddress, upstream: upstreams, ephemeral, tokensFile } = given;
  const { allowUpstream: allowUpstreams } = given;
  if (upstreamTcpAddress === undefined && upstreams === undefined && allowUpstreams === undefined) {
    throw new CommandError('--upstream-tcp-address <addr> is not specified, nor any --upstream. See --help.');
  }
  const accessLog = given.accessLog === undefined ? undefined : openAccessLog(given.accessLog);
  if (accessLog) onWriter(accessLog);
  const server = await NymProxyServer.create({
    upstream: upstreamTcpAddress,
    upstreams,
    allowUpstreams,
    legacyUpstreamHeader: given.legacyUpstreamHeader,
    tokensFile,
    protocol: given.protocol,
    limits: limitsOf(given),
    configDir: ephemeral ? undefined : withHome(given.configDir),
    passphrase: readPassphrase(given.passphraseFile),
    env: given.envPath,
    gateway: given.gateway,
    traffic: given.traffic,
    lanes: given.lanes,
    closeTimeoutMs: given.closeTimeout * 1000,
    signal,
  });
  const metrics = await serveMetrics(server, 'server', given).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  logSessions(server, log, signal);
  if (accessLog) logAccess(server, accessLog);
  logRefusals(server, log);
  server.on('warning', ({ message }) => log.error(`${oneLine(message)} Until then nobody is let in.`));
  onReload(() => server.reloadTokens());
  process.stdout.write(`${server.nymAddress}\n`);
  const named = Object.entries(upstreams ?? {}).map((pair) => pair.join(' at '));
  const where = [upstreamTcpAddress ?? [], named, allowUpstreams ?? []];
  log.info({ upstream: upstreamTcpAddress, upstreams }, `Serving; sessions go to ${where.flat().join(', ')}`);
  if (metrics) log.info({ metricsPort: metrics.port }, `Metrics are served on port ${metrics.port}`);
  return {
    run: async () => {
      await server.run({ signal }).catch((error: unknown) => {
        throw explainLoss(error);
      });
      return 0;
    },
    drain: () => server.drain(),
    close: async () => {
      await Promise.all([server.close(), metrics?.close()]);
    },
  };
}

function limitsOf(given: ServerOptions): SessionLimits {
  const { maxSessions, maxSessionsPerSender, sessionRate, sessionRatePerSender } = given;
  return {
    maxSessions,
    maxSessionsPerSender,
    sessionRate,
    sessionRatePerSender,
    maxBufferedBytes: given.maxBuffered * MEBIBYTE,
    firstByteTimeoutMs: given.firstByteTimeout * 1000,
    idleTimeoutMs: given.idleTimeout * 1000,
    connectTimeoutMs: given.connectTimeout * 1000,
  };
}

/** `~` as the shell reads it, for the default and for where no shell was at work. */
function withHome(path: string): string {
  if (path !== '~' && !path.startsWith('~/')) return path;
  try {
    return join(homedir(), path.slice(1));
  } catch {
    // In containers, users often have only a number.
    throw new CommandError('This user has no home directory. Give --config-dir.');
  }
}

function readPassphrase(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readPrivateFile(file, MAX_PASSPHRASE_FILE_BYTES).bytes.toString();
  } catch (error) {
    const use = error instanceof PrivateFileError ? 'used' : 'read';
    throw new CommandError(`The passphrase file ${file} cannot be ${use}: ${messageOf(error)}.`);
  }
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
