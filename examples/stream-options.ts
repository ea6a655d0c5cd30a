import { parseArgs } from 'node:util';

/** What the examples of streams can be told. */
export interface StreamOptions {
  /** Nym env file of the network to use; without it a localnet of the example's own. */
  readonly envPath: string | undefined;
}

/** What the one that measures can be told besides. */
export interface ThroughputOptions extends StreamOptions {
  /** Bytes each way, over one stream or over many together. */
  readonly bytes: number;
}

const MEBIBYTE = 1024 * 1024;

const ENV_PATH = `  -e, --env-path <file>  Nym env file of the network to use
                         (default: a localnet of the example's own)`;
const BYTES = '      --bytes <n>        bytes each way (default: 1048576)';
const HELP = '  -h, --help             show this help';

const OPTIONS = {
  'env-path': { type: 'string', short: 'e' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Reads the arguments, for `runExample`. */
export function readStreamOptions(): StreamOptions | undefined {
  const { values } = parseArgs({ options: OPTIONS });
  if (!values.help) return { envPath: values['env-path'] };
  console.log(['Options:', ENV_PATH, HELP].join('\n'));
  return undefined;
}

/** The same for the one that measures. */
export function readThroughputOptions(): ThroughputOptions | undefined {
  const { values } = parseArgs({
    options: { ...OPTIONS, bytes: { type: 'string', default: `${MEBIBYTE}` } },
  });
  if (!values.help) return { envPath: values['env-path'], bytes: bytesOf(values.bytes) };
  console.log(['Options:', ENV_PATH, BYTES, HELP].join('\n'));
  return undefined;
}

function bytesOf(text: string): number {
  const bytes = Number(text);
  if (/^\d+$/.test(text) && bytes >= 1 && bytes <= 1024 * MEBIBYTE) return bytes;
  throw new Error(`--bytes is "${text}"; give a whole number from 1 to ${1024 * MEBIBYTE}.`);
}
