import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { decodeIdentity, encodeIdentity } from '../../src/mixnet/node/identity-file.js';
import { IDENTITY_FILE, IdentityStore } from '../../src/mixnet/node/identity-store.js';

const identity = { gateway: 'gateway', database: Uint8Array.of(1, 2, 3) };
const other = { gateway: 'another', database: new Uint8Array(100_000).fill(7) };

describe('the identity store', () => {
  let parent = '';
  let directory = '';
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'nym-identity-'));
    directory = join(parent, 'deep', 'config');
  });
  afterEach(() => rm(parent, { recursive: true }));

  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

  /** Opens the store, does something with it and closes it again. */
  async function within<T>(action: (store: IdentityStore) => T | Promise<T>): Promise<T> {
    const store = await IdentityStore.open(directory);
    try {
      return await action(store);
    } finally {
      await store.close();
    }
  }

  it('starts empty and returns what was saved last', async () => {
    assert.equal(await within((store) => store.load()), undefined);
    await within((store) => store.save(identity));
    assert.deepEqual(await within((store) => store.load()), identity);
    await within((store) => store.save(other));
    assert.deepEqual(await within((store) => store.load()), other);
  });

  it('is private: directory 0700, file 0600, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      await within((store) => store.save(identity));
    } finally {
      process.umask(umask);
    }
    assert.equal(await modeOf(directory), 0o700);
    assert.equal(await modeOf(join(directory, IDENTITY_FILE)), 0o600);
  });

  it('makes an empty directory of the user private, and leaves one with other files as it is', async () => {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await chmod(directory, 0o755);
    await within((store) => store.load());
    assert.equal(await modeOf(directory), 0o700);

    await chmod(directory, 0o755);
    await writeFile(join(directory, 'notes'), '');
    await within((store) => store.save(identity));
    assert.equal(await modeOf(directory), 0o755);
    assert.equal(await modeOf(join(directory, IDENTITY_FILE)), 0o600);
  });

  it('leaves nothing but the identity behind', async () => {
    await within((store) => store.save(identity));
    assert.deepEqual(await readdir(directory), [IDENTITY_FILE]);
  });

  it('replaces the file instead of writing into it', async () => {
    await within((store) => store.save(identity));
    const before = await stat(join(directory, IDENTITY_FILE));
    await within((store) => store.save(other));
    const after = await stat(join(directory, IDENTITY_FILE));
    assert.notEqual(after.ino, before.ino);
  });

  it('keeps the old identity if the new one cannot be written', async () => {
    await within(async (store) => {
      await store.save(identity);
      await rename(directory, `${directory}.away`);
      await assert.rejects(store.save(other), { name: 'MixnetClientError', code: 'identity' });
      await rename(`${directory}.away`, directory);
    });
    assert.deepEqual(await within((store) => store.load()), identity);
  });

  it('removes what a crash left half written, and nothing else', async () => {
    await within((store) => store.save(identity));
    await writeFile(join(directory, `${IDENTITY_FILE}.0123456789abcdef.tmp`), 'half');
    await writeFile(join(directory, `${IDENTITY_FILE}.old.tmp`), 'mine');
    assert.deepEqual(await within((store) => store.load()), identity);
    assert.deepEqual((await readdir(directory)).sort(), [IDENTITY_FILE, `${IDENTITY_FILE}.old.tmp`]);
  });

  it('overwrites nothing that a symbolic link leads to, whatever name it was planted under', async () => {
    const target = join(parent, 'target');
    await writeFile(target, 'not yours', { mode: 0o600 });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of [IDENTITY_FILE, `${IDENTITY_FILE}.tmp`]) await symlink(target, join(directory, name));
    await assert.rejects(
      within((store) => store.load()),
      /identity cannot be used: it is a symbolic link/,
    );
    await within((store) => store.save(identity));
    assert.equal(await readFile(target, 'utf8'), 'not yours');
    assert.deepEqual(await within((store) => store.load()), identity);
    assert.ok((await lstat(join(directory, IDENTITY_FILE))).isFile());
  });

  it('refuses an identity that others can read, and a directory that they can write', async () => {
    await within((store) => store.save(identity));
    const path = join(directory, IDENTITY_FILE);
    await chmod(path, 0o640);
    await assert.rejects(
      within((store) => store.load()),
      /can be read by others \(mode 640\)\. Run: chmod 600/,
    );
    await rm(path);
    await writeFile(join(directory, 'notes'), '');
    for (const mode of [0o777, 0o770, 0o1777]) {
      await chmod(directory, mode);
      await assert.rejects(IdentityStore.open(directory), /can be written by others .* Run: chmod go-w/);
    }
  });

  const whole = Buffer.from(encodeIdentity(identity));
  const damaged = Buffer.from(whole);
  damaged.writeUInt8(damaged.readUInt8(whole.length - 1) ^ 1, whole.length - 1);
  for (const [what, bytes] of [
    ['of another program', Buffer.from('{"key": 1}')],
    ['that is empty', Buffer.alloc(0)],
    ['that was cut short', whole.subarray(0, -1)],
    ['that was cut to its header', whole.subarray(0, 30)],
    ['with a flipped bit', damaged],
    ['with something appended', Buffer.concat([whole, Buffer.from([0])])],
  ] as const) {
    it(`refuses a file ${what} and leaves it alone`, async () => {
      await mkdir(directory, { recursive: true });
      const path = join(directory, IDENTITY_FILE);
      await writeFile(path, bytes, { mode: 0o600 });
      await assert.rejects(
        within((store) => store.load()),
        (error: Error) => {
          assert.ok('code' in error && error.code === 'identity');
          assert.ok(error.message.includes(path));
          assert.match(error.message, /move it away/);
          return true;
        },
      );
      assert.deepEqual(await readFile(path), Buffer.from(bytes));
    });
  }

  it('says what is wrong with a directory that is none', async () => {
    directory = join(parent, 'file');
    await writeFile(directory, '');
    await assert.rejects(IdentityStore.open(directory), { name: 'MixnetClientError', code: 'identity' });
  });

  it('belongs to one client of this process at a time', async () => {
    const store = await IdentityStore.open(directory);
    await assert.rejects(
      IdentityStore.open(join(directory, '.')),
      /in use by another client of this process/,
    );
    await store.close();
    await within((again) => again.load());
  });

  it('belongs to one process at a time, and says to which', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, 'lock'), String(child.pid));
      await assert.rejects(IdentityStore.open(directory), new RegExp(`in use by process ${child.pid ?? ''}`));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await within((store) => store.load());
    assert.deepEqual(await readdir(directory), [], 'the lock of a process that is gone is taken over');
  });

  it('takes over the lock of an earlier process with the same pid', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'lock'), String(process.pid));
    await within((store) => store.load());
  });

  it('takes no lock that another process is just writing', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'lock'), '');
    await assert.rejects(IdentityStore.open(directory), /in use by/);
  });

  it('can be closed twice without freeing what another client took meanwhile', async () => {
    const first = await IdentityStore.open(directory);
    await first.close();
    const second = await IdentityStore.open(directory);
    await first.close();
    await assert.rejects(IdentityStore.open(directory), { code: 'identity' });
    await second.close();
  });
});

describe('the identity file', () => {
  it('gives the database a memory of its own, which can be handed to a worker', () => {
    const { database } = decodeIdentity(encodeIdentity(identity));
    assert.equal(database.byteLength, database.buffer.byteLength);
  });
});
