#!/usr/bin/env node
/**
 * `nym-proxy-client`: carries local TCP connections through the mixnet to a `nym-proxy-server`.
 *
 * @module
 */
import { Option, type Command } from 'commander';

import { NymProxyClient, type TrafficProfile } from '../index.js';
import type { LogOptions } from './log.js';
import * as options from './options.js';
import { runCommand, type Service, type Surroundings } from './run-command.js';
import { logSessions } from './session-log.js';

/** Each is a worker thread with a mixnet client. */
const MAX_RESERVE = 100;

interface ClientOptions extends LogOptions {
  readonly serverAddress: string;
  readonly listenAddress: string;
  readonly listenPort: number;
  readonly closeTimeout: number;
  readonly envPath?: string;
  readonly clientPoolReserve: number;
  readonly gateway?: string;
  readonly traffic: TrafficProfile;
  readonly sharedClient?: boolean;
}

function clientCommand(): Command {
  return options
    .newCommand('nym-proxy-client', 'Carries local TCP connections through the Nym mixnet to one server.')
    .addOption(
      new Option('-s, --server-address <address>', 'Nym address that nym-proxy-server printed')
        .argParser(options.nymAddress)
        .makeOptionMandatory(),
    )
    .option('--listen-address <ip>', 'whoever can connect to it can use the tunnel', '127.0.0.1')
    .addOption(options.portOption('--listen-port <port>', 'port to listen on', 8080))
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
    .option('--gateway <identity>', 'gateway of the mixnet clients, in base58 (default: drawn at random)')
    .addOption(options.trafficOption('default'))
    .addOption(options.logFormatOption())
    .addOption(options.logLevelOption())
    .addHelpText('after', options.TRAFFIC_HELP);
}

async function startClient(given: ClientOptions, { log, signal }: Surroundings): Promise<Service> {
  const { serverAddress, listenAddress, listenPort, closeTimeout, envPath, gateway, traffic } = given;
  const client = await NymProxyClient.create({
    serverAddress,
    listenHost: listenAddress,
    listenPort,
    closeTimeout,
    env: envPath,
    poolSize: given.clientPoolReserve,
    clients: given.sharedClient ? 'shared' : 'per-connection',
    gateway,
    traffic,
    signal,
  });
  logSessions(client, log, signal);
  const { host, port } = client.listenAddress;
  log.info({ host, port }, `Listening on ${host}, port ${port}; connections go to the server`);
  return {
    run: async () => {
      await client.run({ signal });
      return 0;
    },
    close: () => client.close(),
  };
}

process.exitCode = await runCommand(clientCommand(), startClient);
