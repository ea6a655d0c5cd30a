import { networkFromEnv, type Network } from '../mixnet/network.js';

/**
 * The network that the text of a Nym env file (lines `KEY=value`) names.
 *
 * @param source for errors, and the network's name.
 * @throws {MixnetClientError} `network`, if it names none.
 */
export function networkFromEnvText(text: string, source = 'env file'): Network {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line);
    const [, key, value] = match ?? [];
    if (key !== undefined && value !== undefined) values[key] = value.replace(/^(["'])(.*)\1$/, '$2');
  }
  return networkFromEnv(values, source);
}
