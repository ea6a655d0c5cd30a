import { parseArgs } from 'node:util';

/** What the examples of the TCP proxy can be told. */
export interface ProxyOptions {
  /** Nym env file of the network to use; without it a localnet of the example's own. */
  readonly envPath: string | undefined;
  /** Nym address of a server whose upstream echoes; without it one of the example's own. */
  readonly serverAddress: string | undefined;
  /** Longest pause between two messages. */
  readonly maxPauseMs: number;
}

const MAX_PAUSE_S = 60;

const USAGE = `Options:
  -e, --env-path <file>           Nym env file of the network to use
                                  (default: a localnet of the example's own)
  -s, --server-address <address>  a server in that network whose upstream echoes
                                  (default: one of the example's own)
      --max-pause <seconds>       longest pause between two messages (default: 0.5)
  -h, --help                      show this help`;

/** Reads the arguments, for `runExample`. */
export function readProxyOptions(): ProxyOptions | undefined {
  const { values } = parseArgs({
    options: {
      'env-path': { type: 'string', short: 'e' },
      'server-address': { type: 'string', short: 's' },
      'max-pause': { type: 'string', default: '0.5' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return undefined;
  }
  const { 'env-path': envPath, 'server-address': serverAddress } = values;
  if (serverAddress !== undefined && envPath === undefined) {
    throw new Error('--server-address needs --env-path, for the network that the server is in.');
  }
  return { envPath, serverAddress, maxPauseMs: pauseMs(values['max-pause']) };
}

function pauseMs(text: string): number {
  const seconds = Number(text);
  if (/^[\d.]+$/.test(text) && seconds <= MAX_PAUSE_S) return seconds * 1000;
  throw new Error(`--max-pause is "${text}"; give seconds from 0 to ${MAX_PAUSE_S}.`);
}
