import { MixnetClientError } from './errors.js';

/** A Nym network, as far as a client needs to know it. */
export interface Network {
  /** For people; where the network was read from, or `mainnet`. */
  readonly name: string;
  /** The directory (nym-api), which says what else is in the network. */
  readonly apiUrl: string;
}

/** The public Nym network (tcp-proxy.md section 3). */
export const MAINNET: Network = { name: 'mainnet', apiUrl: 'https://validator.nymtech.net/api/' };

/**
 * Takes what an env file says for a network. Only `NYM_API` is needed; other keys are ignored.
 *
 * @param source the file's name, for errors and as the network's name.
 * @throws {MixnetClientError} `network`, if `NYM_API` is missing or not an http(s) URL.
 */
export function networkFromEnv(
  values: Readonly<Record<string, string | undefined>>,
  source: string,
): Network {
  const apiUrl = values['NYM_API'];
  if (apiUrl === undefined || apiUrl === '') {
    throw new MixnetClientError(
      'network',
      `The env file ${source} does not say where the network's directory is. Add a line NYM_API=http://host:port/api/.`,
    );
  }
  if (!['http:', 'https:'].includes(protocolOf(apiUrl))) {
    throw new MixnetClientError(
      'network',
      `NYM_API in the env file ${source} is "${apiUrl}", which is not an http or https URL. Correct that line.`,
    );
  }
  return { name: source, apiUrl };
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}
