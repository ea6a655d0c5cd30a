import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { MixnetClientError } from '../errors.js';
import { lockDirectory } from './directory-lock.js';
import { decodeIdentity, encodeIdentity, type StoredIdentity } from './identity-file.js';
import {
  assertPrivateDirectory,
  isLeftover,
  isOwn,
  PrivateFileError,
  readPrivateFile,
  writePrivateFile,
} from './private-file.js';

/** The identity's file within its config directory. */
export const IDENTITY_FILE = 'identity';

const DIRECTORY_MODE = 0o700;

/** A few KiB are usual. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

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
      const unlock = await lockDirectory(directory);
      await removeLeftovers(directory);
      return new IdentityStore(join(directory, IDENTITY_FILE), unlock);
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
  load(): StoredIdentity | undefined {
    try {
      return decodeIdentity(readPrivateFile(this.path, MAX_FILE_BYTES).bytes);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      const remedy =
        error instanceof PrivateFileError
          ? ''
          : ' Restore it from a copy, or move it away to get a new identity with a new Nym address.';
      throw new MixnetClientError(
        'identity',
        `The identity file ${this.path} cannot be used: ${reasonOf(error)}.${remedy}`,
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
      await writePrivateFile(this.path, encodeIdentity(identity));
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

/** A directory with other files in it keeps its mode, which must not let others write; the identity's file has its own. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  const names = await readdir(directory);
  const isForIdentity = names.length === 0 || names.includes(IDENTITY_FILE);
  if (isForIdentity && isOwn(await stat(directory))) await chmod(directory, DIRECTORY_MODE);
  await assertPrivateDirectory(directory);
}

/** Of a process that died while it wrote. */
async function removeLeftovers(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => isLeftover(name, IDENTITY_FILE));
  await Promise.all(names.map((name) => rm(join(directory, name))));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
