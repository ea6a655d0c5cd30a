import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { lockDirectory } from '../../src/mixnet/node/directory-lock.js';

const TIME_LIMIT = { timeout: 60_000 };
const PROCESSES = 4;
const ROUNDS = 40;

const children = new Set<ChildProcess>();

/** What became of one process's try for each directory. */
type Result = 'won' | { readonly code: string; readonly message: string };

/** Another process, which tries for every directory in turn, and holds what it gets until it is killed. */
async function racer(directories: readonly string[]) {
  const child = fork(fileURLToPath(new URL('./lock-racer.js', import.meta.url)), directories, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.add(child);
  await once(child, 'message');
  const exited = once(child, 'exit');
  return {
    run: async () => {
      child.send('go');
      const [results] = (await once(child, 'message')) as [Result[]];
      return results;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('the lock of a directory', TIME_LIMIT, () => {
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });

  it('of a process that is gone goes to exactly one of those that find it; the others say that it is in use', async () => {
    const root = await mkdtemp(join(tmpdir(), 'locks-'));
    const directories = Array.from({ length: ROUNDS }, (_, round) => join(root, String(round)));
    try {
      for (const directory of directories) await mkdir(directory);
      const dead = await racer(directories);
      assert.deepEqual(new Set(await dead.run()), new Set(['won']));
      await dead.kill();
      const racers = await Promise.all(Array.from({ length: PROCESSES }, () => racer(directories)));
      const results = await Promise.all(racers.map(({ run }) => run()));
      directories.forEach((directory, round) => {
        const ofRound = results.map((result) => result[round]);
        const lost = ofRound.filter((result) => result !== 'won');
        assert.equal(lost.length, PROCESSES - 1, `${directory}: ${JSON.stringify(ofRound)}`);
        for (const { code, message } of lost as Exclude<Result, 'won'>[]) {
          assert.equal(code, 'identity', message);
          assert.match(message, /in use by (another )?process/);
        }
      });
      for (const directory of directories) assert.deepEqual(await readdir(directory), ['lock']);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it('can be taken once more when a process died while it took the lock over', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lock-'));
    try {
      const dead = await racer([directory]);
      await dead.run();
      await dead.kill();
      // The claim of a process that is gone.
      const { ino, mtimeNs } = await stat(join(directory, 'lock'), { bigint: true });
      await writeFile(join(directory, `lock.stale-${ino}-${mtimeNs}`), String(2 ** 22 + 1));
      await assert.rejects(lockDirectory(directory), { code: 'identity' });
      const release = await lockDirectory(directory);
      assert.deepEqual(await readdir(directory), ['lock']);
      await release();
      assert.deepEqual(await readdir(directory), []);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
