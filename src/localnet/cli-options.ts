/**
 * The options of the localnet command.
 *
 * @module
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { FrameVersion } from './gateway/rules.js';

/** What the command was told. */
export interface CommandOptions {
  readonly port: number;
  readonly host: string;
  readonly envFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly gateways: number;
  readonly paidGateways: number;
  readonly mixNodesPerLayer: number;
  readonly threads: number | undefined;
  readonly loss: number;
  readonly duplication: number;
  readonly extraDelayMs: number;
  readonly frames: FrameVersion;
  readonly dayS: number;
  /** Paths of PEM files, both or neither. */
  readonly tlsKey: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsHostname: string | undefined;
  /** Seconds between two lines of counters; 0 = none. */
  readonly statsS: number;
}

const HELP_AFTER = `
While it runs, with U the address of the directory:
  curl U/localnet/counters                      what all nodes did so far, in JSON
  curl U/localnet/nodes                         all nodes, with their ids
  curl -X POST U/localnet/nodes/3/stop          stop node 3 (or start it again)
  curl -X POST U/localnet/faults -d '{"loss":0.05,"duplication":0.05,"extraDelayMs":20}'
                                                replace all faults; what is left out is none
  curl -X POST U/localnet/keys/rotate           begin the next key rotation; packets made with the keys before still
                                                pass until the one after it, or:
  curl -X POST U/localnet/keys/end-overlap      drop them from now on
`;

/** The command; it throws a `CommanderError` instead of exiting. */
export function localnetCommand(): Command {
  return new Command('nym-localnet')
    .description('A Nym network in one process: directory, gateways and mix nodes. No internet.')
    .option('-p, --port <port>', 'port of the directory, 0 for any', wholeNumber(0, 65535), 18080)
    .option('--host <ip>', 'IP address to listen on and to announce', '127.0.0.1')
    .option('-e, --write-env <path>', 'write an env file for Nym software there')
    .option('-s, --state-dir <path>', 'keep identities, ports, client keys and inboxes there')
    .option('-g, --gateways <n>', 'number of gateways', wholeNumber(1, 100), 2)
    .option(
      '--paid-gateways <n>',
      'how many of them give bandwidth only for credentials, and so refuse clients without',
      wholeNumber(0, 100),
      0,
    )
    .option(
      '-m, --mix-nodes-per-layer <n>',
      'number of mix nodes in each of 3 layers',
      wholeNumber(1, 100),
      2,
    )
    .option('-t, --threads <n>', 'worker threads for all nodes', wholeNumber(1, 64))
    .option('--loss <p>', 'probability that a packet is lost, per hop', decimal(0, 1), 0)
    .option('--duplication <p>', 'probability that a packet is sent twice, per hop', decimal(0, 1), 0)
    .option('--extra-delay <ms>', 'time each hop takes on top', decimal(0, 60_000), 0)
    .addOption(
      new Option('--frames <version>', 'frames in which the official client 1.4.1 is to send packets')
        .choices(['v1', 'v2'])
        .default('v1'),
    )
    .option(
      '--day <seconds>',
      'length of the days with which free bandwidth ends',
      wholeNumber(1, 31_622_400),
      86_400,
    )
    .option('--tls-key <path>', 'offer TLS at gateways: private key in PEM')
    .option('--tls-cert <path>', 'offer TLS at gateways: certificate in PEM, which clients have to trust')
    .option(
      '--tls-hostname <name>',
      'name in the certificate, which clients have to resolve (default: localhost)',
    )
    .option('--stats <seconds>', 'print counters this often, 0 = never', decimal(0, 86_400), 0)
    .addHelpText('after', HELP_AFTER)
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .exitOverride();
}

/** @throws {CommanderError} after `--help`, and if an option is wrong */
export function parseCommand(command: Command, argv: readonly string[]): CommandOptions {
  const values = command.parse(argv, { from: 'user' }).opts<{
    port: number;
    host: string;
    writeEnv?: string;
    stateDir?: string;
    gateways: number;
    mixNodesPerLayer: number;
    threads?: number;
    loss: number;
    duplication: number;
    extraDelay: number;
    paidGateways: number;
    frames: FrameVersion;
    day: number;
    tlsKey?: string;
    tlsCert?: string;
    tlsHostname?: string;
    stats: number;
  }>();
  const { writeEnv, stateDir, threads, extraDelay, day, tlsKey, tlsCert, tlsHostname, stats, ...same } =
    values;
  return {
    ...same,
    envFile: writeEnv,
    stateDir,
    threads,
    extraDelayMs: extraDelay,
    dayS: day,
    tlsKey,
    tlsCert,
    tlsHostname,
    statsS: stats,
  };
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = decimal(min, max)(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a number from ${min} to ${max}.`);
  };
}
