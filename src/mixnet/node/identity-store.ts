import { chmod, mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { MixnetClientError } from '../errors.js';
import { lockDirectory } from './directory-lock.js';
import { decodeIdentity, encodeIdentity, type StoredIdentity } from './identity-file.js';

/** The identity's file within its config directory. */
export const IDENTITY_FILE = 'identity';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** A config directory that keeps one mixnet client's identity, held by this process until {@link IdentityStore.close}. */
export class IdentityStore {
  /** The identity's file. */
  readonly path: string;
  readonly #unlock: () => Promise<void>;

  private constructor(path: string, unlock: () => Promise<void>) {
    this.path = path;
    this.#unlock = unlock;
  }

  /**
   * Opens the directory, which is created if need be, and takes it for this process.
   *
   * @throws {MixnetClientError} `identity`, if it cannot be used or another client uses it.
   */
  static async open(configDir: string): Promise<IdentityStore> {
    const directory = resolve(configDir);
    try {
      await makePrivate(directory);
      return new IdentityStore(join(directory, IDENTITY_FILE), await lockDirectory(directory));
    } catch (error) {
      if (error instanceof MixnetClientError) throw error;
      throw new MixnetClientError(
        'identity',
        `The config directory ${directory} cannot be used: ${reasonOf(error)}.`,
        { cause: error },
      );
    }
  }

  /**
   * The identity that was saved last; `undefined` if none was.
   *
   * @throws {MixnetClientError} `identity`, if the file is unreadable, damaged or none of ours; it is left as it is.
   */
  async load(): Promise<StoredIdentity | undefined> {
    try {
      return decodeIdentity(await readFile(this.path));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new MixnetClientError(
        'identity',
        `The identity file ${this.path} cannot be used: ${reasonOf(error)}. Restore it from a copy, ` +
          'or move it away to get a new identity with a new Nym address.',
        { cause: error },
      );
    }
  }

  /**
   * Saves the identity: whole or not at all, whatever happens meanwhile.
   *
   * @throws {MixnetClientError} `identity`, if it cannot be written; what was saved before stays.
   */
  async save(identity: StoredIdentity): Promise<void> {
    try {
      // One name is enough, since the directory is ours alone; what a crash left there is overwritten.
      const temporary = `${this.path}.tmp`;
      const file = await open(temporary, 'w', FILE_MODE);
      try {
        await file.chmod(FILE_MODE);
        await file.writeFile(encodeIdentity(identity));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
      await syncDirectory(dirname(this.path));
    } catch (error) {
      throw new MixnetClientError(
        'identity',
        `The identity file ${this.path} cannot be written: ${reasonOf(error)}. Without it the next start would ` +
          'have a new Nym address.',
        { cause: error },
      );
    }
  }

  /** Gives the directory back. Later calls do nothing. */
  close(): Promise<void> {
    return this.#unlock();
  }
}

/** A directory that holds other people's files keeps its mode; the identity's file is private by its own. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  const names = await readdir(directory);
  if (names.length === 0 || names.includes(IDENTITY_FILE)) await chmod(directory, DIRECTORY_MODE);
}

/** Makes the rename itself outlast a power failure. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
