/**
 * The options of the localnet command.
 *
 * @module
 */
import { Command, InvalidArgumentError } from 'commander';

/** What the command was told. */
export interface CommandOptions {
  readonly port: number;
  readonly host: string;
  readonly envFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly gateways: number;
  readonly mixNodesPerLayer: number;
  readonly threads: number | undefined;
  readonly loss: number;
  readonly duplication: number;
  readonly extraDelayMs: number;
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
      '-m, --mix-nodes-per-layer <n>',
      'number of mix nodes in each of 3 layers',
      wholeNumber(1, 100),
      2,
    )
    .option('-t, --threads <n>', 'worker threads for all nodes', wholeNumber(1, 64))
    .option('--loss <p>', 'probability that a packet is lost, per hop', decimal(0, 1), 0)
    .option('--duplication <p>', 'probability that a packet is sent twice, per hop', decimal(0, 1), 0)
    .option('--extra-delay <ms>', 'time each hop takes on top', decimal(0, 60_000), 0)
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
    stats: number;
  }>();
  const { writeEnv, stateDir, threads, extraDelay, stats, ...same } = values;
  return { ...same, envFile: writeEnv, stateDir, threads, extraDelayMs: extraDelay, statsS: stats };
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
