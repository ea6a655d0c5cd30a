/**
 * The options of the demo command.
 *
 * @module
 */
import { Option, type Command } from 'commander';

import type { TrafficProfile } from '../node/index.js';
import {
  newCommand,
  portOption,
  probability,
  upstreamAddress,
  TRAFFIC_HELP,
  trafficOption,
} from '../node/cli/options.js';

/** What the demo was told. */
export interface DemoOptions {
  readonly upstream?: string;
  readonly pagePort: number;
  readonly listenPort: number;
  readonly directoryPort: number;
  readonly traffic: TrafficProfile;
  readonly sharedClient?: boolean;
  readonly loss: number;
  readonly duplication: number;
  readonly envFile?: string;
  readonly check?: boolean;
}

export const DEFAULT_PAGE_PORT = 8071;
export const DEFAULT_LISTEN_PORT = 8070;
export const DEFAULT_DIRECTORY_PORT = 18080;

const DESCRIPTION = 'A Nym network, a server, a client and something to look at, all on this machine.';

export function demoCommand(): Command {
  return newCommand('nym-proxy-demo', DESCRIPTION)
    .addOption(
      new Option(
        '--upstream <addr>',
        'tunnel to this TCP service, as host:port, not to the demo pages',
      ).argParser(upstreamAddress),
    )
    .addOption(portOption('--page-port <port>', 'port of the page', DEFAULT_PAGE_PORT))
    .addOption(portOption('--listen-port <port>', 'port of the tunnel', DEFAULT_LISTEN_PORT))
    .addOption(
      portOption('--directory-port <port>', "port of the network's directory", DEFAULT_DIRECTORY_PORT),
    )
    .addOption(trafficOption('fast'))
    .option('--shared-client', 'one mixnet client for all connections, not one for each')
    .addOption(
      new Option('--loss <p>', 'probability that a packet is lost, per hop')
        .argParser(probability)
        .default(0),
    )
    .addOption(
      new Option('--duplication <p>', 'probability that a packet is sent twice, per hop')
        .argParser(probability)
        .default(0),
    )
    .option('--env-file <path>', 'write an env file there, for a server or client of your own')
    .addOption(
      new Option('--check', 'fetch a page and 1 MiB through the tunnel, compare, end (ports: any)').conflicts(
        'upstream',
      ),
    )
    .addHelpText('after', TRAFFIC_HELP);
}

/** The ports to use; `fixed` if it was the user who named them, so that no other will do. */
export function portsOf(command: Command, options: DemoOptions) {
  const given = (name: string) => command.getOptionValueSource(name) !== 'default';
  const port = (name: 'pagePort' | 'listenPort' | 'directoryPort') =>
    options.check && !given(name) ? 0 : options[name];
  return {
    pagePort: port('pagePort'),
    pagePortFixed: given('pagePort'),
    listenPort: port('listenPort'),
    directoryPort: port('directoryPort'),
    directoryPortFixed: given('directoryPort'),
  };
}
