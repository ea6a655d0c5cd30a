/**
 * The one rule for files with secrets: keys, access tokens, passphrases.
 *
 * A secret's file belongs to this user (or root), nobody else can read or write it, and it is no symbolic link, which
 * somebody may have planted. Where a container or the service manager mounts secrets read-only, all that is theirs to
 * decide: Kubernetes' are links to files that everybody in the container can read, Docker's have any owner.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The modes are not POSIX's there, and a directory cannot be synced. */
const isWindows = process.platform === 'win32';

const NOT_OWNERS = 0o077;
const OTHERS_WRITE = 0o022;
const FILE_MODE = 0o600;

/** Where Docker, Podman and Kubernetes mount secrets, and systemd credentials. */
const SECRET_MOUNTS = ['/run/secrets', '/var/run/secrets', '/run/credentials'];
const MEMORY_FILE_SYSTEMS = ['tmpfs', 'ramfs'];

/** A file of secrets must not be used as it is; the message says why and what to do. */
export class PrivateFileError extends Error {
  override readonly name = 'PrivateFileError';
}

/** A file's content, and what tells whether it has changed. */
export interface PrivateFile {
  readonly bytes: Buffer;
  readonly stats: Stats;
}

/**
 * Reads a file of secrets.
 *
 * @param maxBytes more than that is probably the wrong file.
 * @throws {PrivateFileError} if others could have read or written it.
 * @throws the operating system's error if it cannot be read.
 */
export function readPrivateFile(path: string, maxBytes: number): PrivateFile {
  const isMounted = isMountedSecret(path);
  // The flag does not exist on Windows.
  const noFollow = isMounted ? 0 : ((constants.O_NOFOLLOW as number | undefined) ?? 0);
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | noFollow | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOOP')
      throw new PrivateFileError('it is a symbolic link. Name the file that it leads to');
    throw error;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new PrivateFileError('it is not a file');
    if (stats.size > maxBytes) throw new PrivateFileError(`it has more than ${maxBytes} bytes`);
    if (!isMounted) assertOwn(stats, path, NOT_OWNERS, 'be read by others', 'chmod 600');
    return { bytes: readFileSync(file), stats };
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a file of secrets: whole or not at all, whatever happens meanwhile.
 *
 * @throws the operating system's error if it cannot be written; what was there before stays.
 */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  // Nobody can have planted anything under a name that nobody knew.
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', FILE_MODE);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Whether a name is one of {@link writePrivateFile}'s for that file, left by a process that died. */
export function isLeftover(name: string, file: string): boolean {
  return name.startsWith(`${file}.`) && /^\.[0-9a-f]{16}\.tmp$/.test(name.slice(file.length));
}

/**
 * @throws {PrivateFileError} if others can put files into the directory, or take some away.
 * @throws the operating system's error if it cannot be looked at.
 */
export async function assertPrivateDirectory(directory: string): Promise<void> {
  assertOwn(await stat(directory), directory, OTHERS_WRITE, 'be written by others', 'chmod go-w');
}

/** Whether this process may change the mode. */
export function isOwn({ uid }: Stats): boolean {
  return !isWindows && uid === process.geteuid?.();
}

function assertOwn(stats: Stats, path: string, forbidden: number, what: string, remedy: string): void {
  if (isWindows) return;
  const user = process.geteuid?.();
  if (stats.uid !== user && stats.uid !== 0)
    throw new PrivateFileError(`it belongs to user ${stats.uid}, not to ${user}. Run: chown ${user} ${path}`);
  if ((stats.mode & forbidden) === 0) return;
  const mode = (stats.mode & 0o777).toString(8);
  throw new PrivateFileError(`it can ${what} (mode ${mode}). Run: ${remedy} ${path}`);
}

/** Whether a file is on a file system that was mounted read-only to hand secrets to this process. */
function isMountedSecret(path: string): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const mount = mountOf(realpathSync(path), readFileSync('/proc/self/mountinfo', 'utf8'));
    if (mount === undefined || !mount.readOnly) return false;
    const isSecrets = SECRET_MOUNTS.some((at) => mount.point === at || mount.point.startsWith(`${at}/`));
    return isSecrets || MEMORY_FILE_SYSTEMS.includes(mount.type);
  } catch {
    // Opening it tells what is wrong.
    return false;
  }
}

/** A mounted file system. */
export interface Mount {
  readonly point: string;
  readonly type: string;
  readonly readOnly: boolean;
}

/** The file system that a path is on, by the lines of Linux's `mountinfo`; the one mounted last is on top. */
export function mountOf(path: string, mountInfo: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountInfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , escaped, options = ''] = before.split(' ');
    const [type = ''] = after.split(' ');
    if (escaped === undefined) continue;
    const point = escaped.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(parseInt(octal, 8)),
    );
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    if (isAbove && point.length >= (found?.point.length ?? 0))
      found = { point, type, readOnly: options.split(',').includes('ro') };
  }
  return found;
}

/** Makes the rename itself outlast a power failure. */
async function syncDirectory(directory: string): Promise<void> {
  if (isWindows) return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
