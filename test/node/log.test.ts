import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { fileSink, LineWriter, type Sink } from '../../src/node/cli/line-writer.js';
import { Throttle } from '../../src/node/cli/throttle.js';

const IN_TIME = { timeout: 30_000 };

function flood(t: TestContext, ...args: string[]) {
  const file = fileURLToPath(new URL('flooding-log.js', import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

describe('a log that nobody reads', IN_TIME, () => {
  it(
    'does not stop the process, and tells how many lines are missing once it is read',
    IN_TIME,
    async (t) => {
      const child = flood(t, '--log-format', 'json');
      // Nothing of stderr is read yet.
      await once(child.stdout, 'data');
      const log = text(child.stderr);
      child.stdin.write('end\n');
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 0);
      const lines = (await log)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { event?: string; count?: number });
      // With what it says when it ends.
      const told = lines.filter(({ event }) => event !== 'lost').length;
      const lost = lines
        .filter(({ event }) => event === 'lost')
        .reduce((sum, { count = 0 }) => sum + count, 0);
      assert.ok(lost > 0 && told > 0);
      assert.equal(told + lost, 20_001);
    },
  );

  it('does not keep it from ending', IN_TIME, async (t) => {
    const child = flood(t, '--end');
    const exited = once(child, 'exit');
    const [code] = (await exited) as [number];
    assert.equal(code, 0);
  });

  it('is all there at the end if it is read', IN_TIME, async (t) => {
    const child = flood(t, '--end', '--lines', '2000');
    const log = await text(child.stderr);
    assert.equal(log.match(/line \d+ of 2000/g)?.length, 2000);
  });
});

describe('a writer of lines', IN_TIME, () => {
  /** A reader who takes one text at a time. */
  function slowSink() {
    const texts: string[] = [];
    const waiting: (() => void)[] = [];
    const sink: Sink = {
      write: (written) =>
        new Promise((resolve) => {
          texts.push(written);
          waiting.push(resolve);
        }),
    };
    return { sink, texts, take: () => waiting.shift()?.() };
  }

  it('hands over the first line at once, and keeps a bounded number of others, in order', async () => {
    const { sink, texts, take } = slowSink();
    const writer = new LineWriter(sink, (count) => `lost ${count}\n`);
    writer.write('first\n');
    assert.deepEqual(texts, ['first\n']);
    const line = `${'x'.repeat(1000)}\n`;
    for (let count = 0; count < 2000; count += 1) writer.write(line);
    assert.equal(await writer.flush(1), false);
    take();
    await new Promise((resolve) => setImmediate(resolve));
    const [, rest = ''] = texts;
    assert.ok(rest.length <= 1024 * 1024 + 100);
    const [, lost] = /^(?:x+\n)+lost (\d+)\n$/.exec(rest) ?? [];
    assert.equal(Number(lost) + rest.split('\n').length - 2, 2000);
    take();
    assert.equal(await writer.flush(1000), true);
  });

  it('goes on when a write fails', async () => {
    const texts: string[] = [];
    let fails = true;
    const writer = new LineWriter(
      {
        write: (written) => {
          if (fails) return Promise.reject(new Error('the disk is full'));
          texts.push(written);
          return Promise.resolve();
        },
      },
      (count) => `lost ${count}\n`,
    );
    writer.write('one\n');
    await writer.flush(1000);
    fails = false;
    writer.write('two\n');
    await writer.flush(1000);
    assert.deepEqual(texts, ['two\nlost 1\n']);
  });

  it('opens its file anew when it was moved', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
    const path = join(directory, 'log');
    const writer = new LineWriter(fileSink(path), () => '');
    writer.write('one\n');
    await writer.flush(1000);
    await rename(path, `${path}.1`);
    writer.reopen();
    writer.write('two\n');
    assert.equal(await writer.flush(1000), true);
    assert.equal(await readFile(`${path}.1`, 'utf8'), 'one\n');
    assert.equal(await readFile(path, 'utf8'), 'two\n');
    await rm(directory, { recursive: true });
  });
});

describe('a throttle', () => {
  it('lets a burst pass, then a rate, and counts the rest', () => {
    let now = 0;
    const throttle = new Throttle(3, 1, () => now);
    const tries = (count: number) => Array.from({ length: count }, () => throttle.next());
    assert.deepEqual(tries(5), [0, 0, 0, undefined, undefined]);
    now = 1000;
    assert.deepEqual(tries(2), [2, undefined]);
    now = 100_000;
    assert.deepEqual(tries(4), [1, 0, 0, undefined]);
  });
});
