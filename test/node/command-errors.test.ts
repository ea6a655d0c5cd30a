import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';

import { runFile } from './child.js';

const IN_TIME = { timeout: 120_000 };
const SERVER = 'src/node/cli/server.js';
const CLIENT = 'src/node/cli/client.js';
const DEMO = 'src/demo/main.js';

const KEY = '11111111111111111111111111111111';
const ADDRESS = `${KEY}.${KEY}@${KEY}`;

/** Checks that a command says what is wrong in one line and ends with 2. */
async function assertRefused(t: TestContext, reason: RegExp, file: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runFile(t, file, ...args).ended;
  assert.match(stderr, /^nym-proxy-(server|client|demo): [^\n]+\n$/);
  assert.match(stderr, reason);
  assert.equal(code, 2);
  if (file !== DEMO) assert.equal(stdout, '');
}

describe('a command that is used wrongly', IN_TIME, () => {
  let directory = '';
  let unreachable = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
    unreachable = join(directory, 'unreachable.env');
    // A port that was free a moment ago, and that nobody asks for by number.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    await writeFile(unreachable, `NYM_API=http://127.0.0.1:${(server.address() as AddressInfo).port}/api/\n`);
    server.close();
  });
  after(() => rm(directory, { recursive: true }));

  it('says which option is missing, unknown or contradicts another', async (t) => {
    await assertRefused(t, /--upstream-tcp-address.* not specified.*--help/, SERVER);
    await assertRefused(t, /--server-address.* not specified.*--help/, CLIENT);
    await assertRefused(t, /unknown option '--bogus'/, SERVER, '-u', '127.0.0.1:1', '--bogus');
    await assertRefused(t, /argument missing/, CLIENT, '-s');
    await assertRefused(t, /too many arguments/, CLIENT, '-s', ADDRESS, 'more');
    await assertRefused(
      t,
      /'--ephemeral' cannot be used with .*--config-dir/,
      SERVER,
      ...['-u', '127.0.0.1:1', '--ephemeral', '-c', directory],
    );
    await assertRefused(
      t,
      /'--shared-client' cannot be used with .*--client-pool-reserve/,
      CLIENT,
      ...['-s', ADDRESS, '--shared-client', '--client-pool-reserve', '3'],
    );
    await assertRefused(
      t,
      /'--check' cannot be used with .*--upstream/,
      DEMO,
      ...['--check', '--upstream', '127.0.0.1:1'],
    );
  });

  it('says what a value should be', async (t) => {
    for (const upstream of ['nonsense', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:65536', '::1:80']) {
      await assertRefused(t, /host:port, for example/, SERVER, '-u', upstream);
    }
    await assertRefused(t, /host:port, for example/, DEMO, '--upstream', 'nonsense');
    await assertRefused(t, /IDENTITY\.ENCRYPTION@GATEWAY/, CLIENT, '-s', 'nonsense');
    await assertRefused(t, /gateway part .* not base58/, CLIENT, '-s', `${KEY}.${KEY}@0OIl`);
    await assertRefused(t, /from 0 to 65535/, CLIENT, '-s', ADDRESS, '--listen-port', '65536');
    await assertRefused(t, /from 1 to 86400/, CLIENT, '-s', ADDRESS, '--close-timeout', '0.5');
    await assertRefused(t, /from 0 to 100/, CLIENT, '-s', ADDRESS, '--client-pool-reserve', '-1');
    await assertRefused(t, /from 1 to 16/, CLIENT, '-s', ADDRESS, '--lanes', '17');
    await assertRefused(t, /from 1 to 16/, SERVER, '-u', '127.0.0.1:1', '--lanes', '0');
    await assertRefused(t, /choices are default, bulk, fast/, CLIENT, '-s', ADDRESS, '--traffic', 'slow');
    await assertRefused(t, /choices are tcp-proxy, stream\b/, CLIENT, '-s', ADDRESS, '--protocol', 'both');
    await assertRefused(t, /choices are text, json/, SERVER, '-u', '127.0.0.1:1', '--log-format', 'xml');
    const server = [SERVER, '-u', '127.0.0.1:1'] as const;
    await assertRefused(t, /name=host:port/, SERVER, '--upstream', '127.0.0.1:1');
    await assertRefused(t, /host:port, for example/, SERVER, '--upstream', 'web=nowhere');
    await assertRefused(
      t,
      /each name once/,
      ...[SERVER, '--upstream', 'web=127.0.0.1:1', '--upstream', 'web=127.0.0.1:2'],
    );
    await assertRefused(t, /name as the server has it/, CLIENT, '-s', ADDRESS, '--upstream-name', 'a b');
    await assertRefused(t, /from 0 to 1000000/, ...server, '--max-sessions', '-1');
    await assertRefused(t, /from 0 to 86400/, ...server, '--idle-timeout', '86401');
    await assertRefused(t, /from 0 to 65535/, ...server, '--metrics-port', 'http');
    await assertRefused(t, /probability from 0 to 1/, DEMO, '--loss', '1.1');
  });

  it('says which file cannot be used', async (t) => {
    const missing = join(directory, 'missing');
    const empty = join(directory, 'empty');
    await writeFile(empty, '', { mode: 0o600 });
    const server = [SERVER, '-u', '127.0.0.1:1'] as const;
    await assertRefused(t, /env file .*missing cannot be read/, ...server, '--ephemeral', '-e', missing);
    await assertRefused(t, /Add a line NYM_API=/, ...server, '--ephemeral', '-e', empty);
    await assertRefused(
      t,
      /env file .* cannot be read/,
      CLIENT,
      '-s',
      ADDRESS,
      '--listen-port',
      '0',
      '-e',
      missing,
    );
    await assertRefused(
      t,
      /passphrase file .*missing cannot be read/,
      ...[...server, '-c', join(directory, 'config'), '-e', unreachable, '--passphrase-file', missing],
    );
    await assertRefused(
      t,
      /passphrase file .*empty has nothing/,
      ...[...server, '-c', join(directory, 'config'), '-e', unreachable, '--passphrase-file', empty],
    );
    await assertRefused(
      t,
      /config directory .*empty cannot be used/,
      ...server,
      '-c',
      empty,
      '-e',
      unreachable,
    );
    const tokens = join(directory, 'tokens');
    await writeFile(tokens, 'correct-horse-battery\n', { mode: 0o644 });
    const asServer = [...server, '--ephemeral', '-e', unreachable, '--tokens-file'] as const;
    await assertRefused(
      t,
      /tokens file .* read by others \(mode 644\)\. Run: chmod 600/,
      ...asServer,
      tokens,
    );
    await assertRefused(t, /tokens file .*missing cannot be read/, ...asServer, missing);
    const asClient = [CLIENT, '-s', ADDRESS, '-e', unreachable, '--token-file'] as const;
    await assertRefused(t, /read by others/, ...asClient, tokens);
    await chmod(tokens, 0o600);
    await writeFile(tokens, 'short\n');
    await assertRefused(t, /Line 1 of the tokens file .* 16 to 256 characters/, ...asServer, tokens);
    await writeFile(tokens, '# none\n');
    await assertRefused(t, /has no access token in it/, ...asClient, tokens);
    await assertRefused(
      t,
      /env file .* cannot be written/,
      ...[DEMO, '--check', '--env-file', join(missing, 'x.env')],
    );
  });

  it('says that the directory does not answer', async (t) => {
    const reason = /directory http:\/\/127\.0\.0\.1:\d+\/api\/ .*ECONNREFUSED.* Check /;
    await assertRefused(t, reason, SERVER, '-u', '127.0.0.1:1', '--ephemeral', '-e', unreachable);
    await assertRefused(t, reason, CLIENT, '-s', ADDRESS, '--listen-port', '0', '-e', unreachable);
  });

  it('says that it cannot listen there', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const port = String((taken.address() as AddressInfo).port);
    const client = [CLIENT, '-s', ADDRESS, '-e', unreachable] as const;
    await assertRefused(
      t,
      new RegExp(`127\\.0\\.0\\.1, port ${port}, is in use\\. .*--listen-port`),
      ...[...client, '--listen-port', port],
    );
    await assertRefused(
      t,
      /192\.0\.2\.1, port 0, cannot be listened on: this machine has no such address/,
      ...[...client, '--listen-port', '0', '--listen-address', '192.0.2.1'],
    );
    await assertRefused(t, new RegExp(`port ${port}, is in use`), DEMO, '--check', '--listen-port', port);
    await assertRefused(t, new RegExp(`:${port}.* in use`), DEMO, '--check', '--directory-port', port);
  });

  it('says so in JSON, if the log is to be JSON', async (t) => {
    for (const args of [
      ['--log-format', 'json', '--listen-port', '0', '-e', unreachable],
      ['--log-format', 'json', '--bogus'],
    ]) {
      const { code, stderr } = await runFile(t, CLIENT, '-s', ADDRESS, ...args).ended;
      assert.equal(code, 2);
      assert.match(stderr, /^[^\n]+\n$/);
      assert.equal((JSON.parse(stderr) as { level: string }).level, 'fatal');
    }
  });

  it('says so if it is one of those that measure and check, too', async (t) => {
    for (const file of ['bench/main.js', 'test/soak/main.js', 'test/faults/main.js']) {
      const { code, stderr } = await runFile(t, file, '--bogus').ended;
      assert.equal(code, 2, file);
      assert.match(stderr, /^[^\n]+'--bogus'[^\n]*\n$/);
    }
  });

  it('explains itself', async (t) => {
    for (const [file, option] of [
      [SERVER, '--upstream-tcp-address'],
      [SERVER, '--tokens-file'],
      [CLIENT, '--server-address'],
      [CLIENT, '--token-file'],
      [DEMO, '--check'],
    ] as const) {
      const { code, stdout, stderr } = await runFile(t, file, '--help').ended;
      assert.deepEqual([code, stderr], [0, '']);
      assert(stdout.includes(option));
      const tooLong = stdout.split('\n').filter((line) => line.length > 80);
      assert.deepEqual(tooLong, [], 'a terminal has 80 columns');
    }
  });
});
