import { setMaxListeners } from 'node:events';
import { parseArgs } from 'node:util';

/** What every example can be told. */
export interface ExampleOptions {
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

/** Runs an example to its exit code: 0 if it went well, 1 if not, 2 if its arguments are wrong. */
export async function runExample(
  example: (options: ExampleOptions, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const options = readArguments();
  if (typeof options === 'number') return options;
  const stop = new AbortController();
  // Every connection listens to it, and they are more than Node expects.
  setMaxListeners(0, stop.signal);
  // Once: a second signal ends the process as if it were not handled.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  try {
    await example(options, stop.signal);
    return 0;
  } catch (error) {
    console.error(stop.signal.aborted ? 'It was interrupted.' : reasonOf(error));
    return 1;
  }
}

function readArguments(): ExampleOptions | number {
  try {
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
      return 0;
    }
    const { 'env-path': envPath, 'server-address': serverAddress } = values;
    if (serverAddress !== undefined && envPath === undefined) {
      throw new Error('--server-address needs --env-path, for the network that the server is in.');
    }
    return { envPath, serverAddress, maxPauseMs: pauseMs(values['max-pause']) };
  } catch (error) {
    console.error(`${reasonOf(error).replace(/\.?$/, '.')} See --help.`);
    return 2;
  }
}

function pauseMs(text: string): number {
  const seconds = Number(text);
  if (/^[\d.]+$/.test(text) && seconds <= MAX_PAUSE_S) return seconds * 1000;
  throw new Error(`--max-pause is "${text}"; give seconds from 0 to ${MAX_PAUSE_S}.`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
