#!/usr/bin/env node
/**
 * `nym-proxy-client`: carries local TCP connections through the mixnet to a `nym-proxy-server`.
 *
 * @module
 */
import { Option, type Command } from 'commander';

import { NymProxyClient, type Forward, type Protocol, type TrafficProfile } from '../index.js';
import { PROTOCOLS } from '../../proxy/protocol.js';
import { parseAccessToken } from '../../session/access-proof.js';
import { readTokens } from '../tokens-file.js';
import { logAccess, openAccessLog } from './access-log.js';
import { CommandError, oneLine } from './failure.js';
import type { LogOptions } from './log.js';
import { serveMetrics, type MetricsOptions } from './metrics-server.js';
import * as options from './options.js';
import { logPageRefusals } from './refusal-log.js';
import { runCommand, type Service, type Surroundings } from './run-command.js';
import { logSessions } from './session-log.js';
import { stdioConnection } from './stdio.js';

const TOKEN_VARIABLE = 'NYM_PROXY_TOKEN';

const DEFAULT_LISTEN_PORT = 8080;

/** Each is a worker thread with a mixnet client. */
const MAX_RESERVE = 100;

interface ClientOptions extends LogOptions, MetricsOptions {
  readonly tokenFile?: string;
  readonly upstreamName?: string;
  readonly legacyUpstreamHeader?: boolean;
  readonly serverAddress?: readonly string[];
  readonly balance?: boolean;
  readonly listenAddress: string;
  readonly listenPort?: number;
  readonly forward?: readonly Forward[];
  readonly listenUnix?: readonly string[];
  readonly proxy?: boolean;
  readonly stdio?: boolean;
  readonly closeTimeout: number;
  readonly envPath?: string;
  readonly protocol: Protocol;
  readonly clientPoolReserve: number;
  readonly gateway?: string;
  readonly traffic: TrafficProfile;
  readonly lanes: number;
  readonly sharedClient?: boolean;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly allowWebPages?: boolean;
}

function clientCommand(): Command {
  const command = options
    .newCommand('nym-proxy-client', 'Carries local TCP connections through the Nym mixnet to a server.')
    .addOption(
      new Option(
        '-s, --server-address <address>',
        'Nym address that nym-proxy-server printed; may be repeated: then the next is used when one fails',
      ).argParser(options.nymAddresses),
    )
    .option(
      '--balance',
      'spreads connections over all servers, in place of using the next only when one fails',
    )
    .option('--listen-address <ip>', 'whoever can connect to it can use the tunnel', '127.0.0.1')
    .addOption(
      new Option(
        '--listen-port <port>',
        'port to listen on, 0 for any (default: 8080, unless -L, --listen-unix or --stdio is given)',
      ).argParser(options.port),
    )
    .addOption(
      new Option(
        '-L, --forward <[ip:]port=name>',
        "one more port, for the server's upstream of that name; may be repeated; unix:PATH=name for a Unix socket",
      ).argParser(options.forward),
    )
    .addOption(
      new Option(
        '--listen-unix <path>',
        'listens on a Unix socket that only this user may connect to; may be repeated',
      ).argParser(options.paths),
    )
    .option('--proxy', 'applications may name an upstream as host, by SOCKS5 or as to an HTTP proxy')
    .option('--stdio', 'carries one connection, on stdin and stdout, and ends')
    .addOption(options.protocolOption('what connections go as', PROTOCOLS, 'tcp-proxy'))
    .addOption(options.closeTimeoutOption(30))
    .addOption(options.envPathOption())
    .addOption(
      new Option('--client-pool-reserve <n>', 'mixnet clients kept ready for new connections')
        .argParser(options.wholeNumber(0, MAX_RESERVE))
        .default(2),
    )
    .addOption(
      new Option(
        '--shared-client',
        'one mixnet client for all connections: cheaper, but the server sees that they belong together',
      ).conflicts('clientPoolReserve'),
    )
    .option('--token-file <file>', `its first access token opens the server (default: $${TOKEN_VARIABLE})`)
    .addOption(
      new Option(
        '--upstream-name <name>',
        "the server's upstream of that name (default: its default one)",
      ).argParser(options.upstreamName),
    )
    .option(
      '--legacy-upstream-header',
      'sends a line "UPSTREAM:host:port" first, for other servers that want the upstream so',
    )
    .option('--gateway <identity>', 'gateway of the mixnet clients, in base58 (default: drawn at random)')
    .addOption(options.trafficOption('default'))
    .addOption(
      options.lanesOption(
        'mixnet clients that carry each connection together; needs a server of this project',
      ),
    )
    .addHelpText('after', options.TRAFFIC_HELP);
  for (const option of [...options.webPageOptions(), ...options.operatingOptions()])
    command.addOption(option);
  return command;
}

async function startClient(given: ClientOptions, { log, signal, onWriter }: Surroundings): Promise<Service> {
  if (given.serverAddress === undefined)
    throw new CommandError('--server-address <address> is not specified. See --help.');
  const { serverAddress, listenAddress, listenPort, closeTimeout, envPath, gateway, traffic } = given;
  const forwards = forwardsOf(given);
  const accessLog = given.accessLog === undefined ? undefined : openAccessLog(given.accessLog);
  if (accessLog) onWriter(accessLog);
  const client = await NymProxyClient.create({
    serverAddress,
    balance: given.balance,
    listenHost: listenAddress,
    listenPort: listenPort ?? (forwards === undefined ? DEFAULT_LISTEN_PORT : undefined),
    forwards,
    proxy: given.proxy,
    closeTimeoutMs: closeTimeout * 1000,
    env: envPath,
    poolSize: given.clientPoolReserve,
    clients: given.sharedClient ? 'shared' : 'per-connection',
    gateway,
    traffic,
    lanes: given.lanes,
    protocol: given.protocol,
    token: readToken(given.tokenFile),
    upstream: given.upstreamName,
    webPages: given.allowWebPages
      ? 'allow'
      : { allowHosts: given.allowHost, allowOrigins: given.allowOrigin },
    legacyUpstreamHeader: given.legacyUpstreamHeader,
    signal,
  });
  const metrics = await serveMetrics(client, 'client', given, client).catch(async (error: unknown) => {
    await client.close();
    throw error;
  });
  logSessions(client, log, signal);
  if (accessLog) logAccess(client, accessLog);
  logPageRefusals(client, log);
  client.on('server', ({ server, of, error }) => {
    const reason = oneLine(error.message);
    log.warn(
      { server, event: 'server', reason },
      `New connections go to server ${server} of ${of} now: ${reason}`,
    );
  });
  for (const { at, host, port, upstream } of client.listening) {
    const where = host === undefined ? at : `${host}, port ${port ?? 0}`;
    const what = upstream === undefined ? 'the server' : `the server's upstream ${upstream}`;
    log.info({ host, port, at, upstream }, `Listening on ${where}; connections go to ${what}`);
  }
  if (metrics) log.info({ metricsPort: metrics.port }, `Metrics are served on port ${metrics.port}`);
  return {
    run: async () => {
      if (!given.stdio) await client.run({ signal });
      else if (!(await carryStdio(client, signal))) return 1;
      return 0;
    },
    drain: () => client.drain(),
    close: async () => {
      await Promise.all([client.close(), metrics?.close()]);
    },
  };
}

function forwardsOf({ forward, listenUnix, stdio }: ClientOptions): readonly Forward[] | undefined {
  if (forward === undefined && listenUnix === undefined && !stdio) return undefined;
  return [...(forward ?? []), ...(listenUnix ?? []).map((path) => ({ path }))];
}

/** Gives whether everything was carried. */
async function carryStdio(client: NymProxyClient, signal: AbortSignal): Promise<boolean> {
  await client.carry(stdioConnection(), signal);
  return signal.aborted || client.counts.sessionsEnded > 0;
}

function readToken(file: string | undefined): string | undefined {
  if (file !== undefined) {
    const [token] = readTokens(file);
    if (token !== undefined) return token;
    throw new CommandError(`The token file ${file} has no access token in it. Write the server's there.`);
  }
  const token = process.env[TOKEN_VARIABLE];
  if (token === undefined || token === '') return undefined;
  try {
    parseAccessToken(token);
    return token;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${TOKEN_VARIABLE} cannot be used: ${why}.`);
  }
}

process.exitCode = await runCommand(clientCommand(), startClient);
