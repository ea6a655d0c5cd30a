/**
 * The env file that tells Nym software to use a localnet.
 *
 * @module
 */
import { writeFileAtomic } from './atomic-file.js';
import { LocalnetError } from './errors.js';

/** Nothing in it is secret. */
const FILE_MODE = 0o644;

/** The two variables Nym clients need: `NYM_API`, the directory, and `NETWORK_NAME`. */
export function formatEnvFile(apiUrl: string): string {
  return `NYM_API=${apiUrl}\nNETWORK_NAME=localnet\n`;
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
