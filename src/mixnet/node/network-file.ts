import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';

import { MixnetClientError } from '../errors.js';
import { MAINNET, networkFromEnv, type Network } from '../network.js';

/**
 * The network that a Nym env file (lines `KEY=value`) names, or mainnet if no file is given.
 *
 * @throws {MixnetClientError} `network`, saying which file cannot be used and what to do.
 */
export async function readNetwork(envPath: string | undefined): Promise<Network> {
  if (envPath === undefined) return MAINNET;
  return networkFromEnv(parseEnv(await readEnvFile(envPath)), envPath);
}

async function readEnvFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MixnetClientError(
      'network',
      `The env file ${path} cannot be read (${why}). Give the path of a Nym env file, or none for mainnet.`,
      { cause: error },
    );
  }
}
