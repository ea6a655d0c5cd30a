/**
 * The env file that tells Nym software to use a localnet.
 *
 * @module
 */
import { writeFileAtomic } from './atomic-file.js';
import { LocalnetError } from './errors.js';

/** Nothing in it is secret. */
const FILE_MODE = 0o644;

/**
 * What Nym clients need to find the network: the directory (`NYM_API`), and the network's name. The Rust SDK (seen with
 * 1.21.6) reads `NYM_APIS` instead, and without it would go to mainnet.
 */
export function formatEnvFile(apiUrl: string): string {
  const apiUrls = JSON.stringify([{ url: apiUrl, front_hosts: null }]);
  return `NYM_API=${apiUrl}\nNYM_APIS='${apiUrls}'\nNETWORK_NAME=localnet\n`;
}

/** @throws {LocalnetError} `bad-option` if the file cannot be written */
export async function writeEnvFile(path: string, content: string): Promise<void> {
  try {
    await writeFileAtomic(path, content, FILE_MODE);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LocalnetError(
      'bad-option',
      `The env file ${path} cannot be written: ${reason}. Choose another.`,
      {
        cause: error,
      },
    );
  }
}
