import assert from 'node:assert/strict';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { mountOf, PrivateFileError, readPrivateFile } from '../../src/mixnet/node/private-file.js';

const MOUNTS = String.raw`22 1 0:20 / / rw,relatime - overlay overlay rw
30 22 0:30 / /run rw,nosuid - tmpfs tmpfs rw,mode=755
31 30 0:31 / /run/secrets/token ro,relatime - ext4 /dev/sda1 rw
32 22 0:32 / /etc/my\040secrets ro,relatime - tmpfs tmpfs rw
33 32 0:33 / /etc/my\040secrets/more rw,relatime shared:1 - tmpfs tmpfs rw`;

describe('the mount of a path', () => {
  it('is the innermost one', () => {
    const mountAt = (path: string) => mountOf(path, MOUNTS);
    assert.deepEqual(mountAt('/home/me/token'), { point: '/', type: 'overlay', readOnly: false });
    assert.deepEqual(mountAt('/run/secrets/tokens'), { point: '/run', type: 'tmpfs', readOnly: false });
    assert.deepEqual(mountAt('/run/secrets/token'), {
      point: '/run/secrets/token',
      type: 'ext4',
      readOnly: true,
    });
    assert.deepEqual(mountAt('/etc/my secrets/..data/token'), {
      point: '/etc/my secrets',
      type: 'tmpfs',
      readOnly: true,
    });
    assert.equal(mountAt('/etc/my secrets/more/token')?.readOnly, false);
    assert.equal(mountOf('/x', ''), undefined);
  });
});

describe('a file of secrets', () => {
  it('is read if it is its owner’s alone, and refused if it is somebody else’s', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nym-private-'));
    const path = join(directory, 'secret');
    await writeFile(path, 'secret', { mode: 0o600 });
    assert.equal(readPrivateFile(path, 10).bytes.toString(), 'secret');
    assert.throws(() => readPrivateFile(path, 5), PrivateFileError);
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      await chmod(path, mode);
      assert.throws(() => readPrivateFile(path, 10), /can be read by others.*chmod 600/);
    }
    // Only root can give a file away.
    if (process.geteuid?.() === 0) {
      await chmod(path, 0o600);
      await chown(path, 65_534, 65_534);
      assert.throws(() => readPrivateFile(path, 10), /belongs to user 65534/);
    }
    await rm(directory, { recursive: true });
  });
});
