import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listen } from '../../src/localnet/listen.js';

const IN_TIME = { timeout: 60_000 };
const CLI = fileURLToPath(new URL('../../src/localnet/cli.js', import.meta.url));

type Child = ChildProcessByStdio<null, Readable, Readable>;

function run(t: TestContext, ...options: string[]): Child {
  const child = spawn(process.execPath, [CLI, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** All it prints, and its exit code. */
async function outcome(child: Child) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { stdout, stderr, code };
}

/** What a stream says up to and with `mark`. */
async function readUntil(stream: Readable, mark: string): Promise<string> {
  let read = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
    read += chunk;
    if (read.includes(mark)) return read;
  }
  throw new Error(`it ended without "${mark}": ${read}`);
}

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'localnet-test-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

describe('the localnet command', IN_TIME, () => {
  it('writes an env file, says when it is ready, and ends with 0 on a signal', async (t) => {
    const directory = await temporaryDirectory(t);
    const envFile = join(directory, 'localnet.env');
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = run(
        t,
        '--port',
        '0',
        '--write-env',
        envFile,
        '--gateways',
        '1',
        '--mix-nodes-per-layer',
        '1',
      );
      const ready = await readUntil(child.stdout, 'Ctrl-C');
      assert.match(ready, /^Nym localnet is ready\.$/m);
      const [, apiUrl = ''] = /NYM_API=(\S+)/.exec(ready) ?? [];
      assert.equal(
        await readFile(envFile, 'utf8'),
        `NYM_API=${apiUrl}\nNYM_APIS='[{"url":"${apiUrl}","front_hosts":null}]'\nNETWORK_NAME=localnet\n`,
      );
      assert((await fetch(new URL('v1/nym-nodes/rewarded-set', apiUrl))).ok);
      child.kill(signal);
      const { code, stderr } = await outcome(child);
      assert.deepEqual([code, stderr], [0, '']);
    }
    assert.deepEqual(await readdir(directory), ['localnet.env']);
  });

  it('has the same directory and nodes again with a state directory', async (t) => {
    const stateDir = join(await temporaryDirectory(t), 'state');
    const texts: string[] = [];
    let port = '0';
    for (let i = 0; i < 2; i += 1) {
      const child = run(t, '--port', port, '--state-dir', stateDir);
      const ready = await readUntil(child.stdout, 'Ctrl-C');
      texts.push(ready);
      [, port = ''] = /NYM_API=http:\/\/127\.0\.0\.1:(\d+)\//.exec(ready) ?? [];
      child.kill('SIGTERM');
      assert.equal((await outcome(child)).code, 0);
    }
    assert.equal(texts[0], texts[1]);
  });

  it('prints counters as often as it is told, on stderr', async (t) => {
    const child = run(t, '--port', '0', '--stats', '0.05');
    const lines = await readUntil(child.stderr, 'duplicated 0\nclients 0');
    assert.match(lines, /^clients 0 {2}sent 0 {2}delivered 0/);
    child.kill('SIGTERM');
    assert.equal((await outcome(child)).code, 0);
  });

  it('says in one line what is wrong with an option, with exit code 2', async (t) => {
    const wrong: [string[], RegExp][] = [
      [['--port', 'abc'], /--port.*65535/],
      [['--port', '70000'], /--port.*65535/],
      [['--loss', '1.5'], /--loss.*from 0 to 1/],
      [['--gateways', '0'], /--gateways.*from 1/],
      [['--gateways', '1.5'], /--gateways.*whole number/],
      [['--no-such-thing'], /--no-such-thing/],
      [['something'], /too many arguments/],
      [['--state-dir'], /--state-dir.*missing/],
      [['--port', '0', '--host', 'localhost'], /localhost.*IP address/],
      [
        ['--port', '0', '--write-env', join('no', 'such', 'directory', 'x.env')],
        /env file.*cannot be written/,
      ],
    ];
    for (const [options, reason] of wrong) {
      const { code, stdout, stderr } = await outcome(run(t, ...options));
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^nym-localnet: .*\n$/);
      assert.match(stderr, reason);
      assert.equal(stdout, '');
    }
  });

  it('says in one line that its port is in use, with exit code 2', async (t) => {
    const taken = createServer();
    await listen(taken, '127.0.0.1', 0, 'a test');
    t.after(() => taken.close());
    const address = taken.address();
    assert(typeof address === 'object' && address !== null);
    const { code, stderr } = await outcome(run(t, '--port', String(address.port)));
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^nym-localnet: 127\\.0\\.0\\.1:${address.port}, .*another port\\.\\n$`));
  });

  it('explains itself', async (t) => {
    const { code, stdout } = await outcome(run(t, '--help'));
    assert.equal(code, 0);
    assert.match(stdout, /--state-dir/);
  });
});
