import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';

import { runFile } from './child.js';

const IN_TIME = { timeout: 60_000 };
const SERVER = 'src/node/cli/server.js';
const CLIENT = 'src/node/cli/client.js';
const KEY = '11111111111111111111111111111111';
const ADDRESS = `${KEY}.${KEY}@${KEY}`;

describe('the configuration of a command', IN_TIME, () => {
  let directory = '';
  before(async () => (directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'))));
  after(() => rm(directory, { recursive: true }));

  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };

  /** Runs a command with variables of the environment. */
  const run = (t: TestContext, environment: Record<string, string>, file: string, ...args: string[]) => {
    Object.assign(process.env, environment);
    const child = runFile(t, file, ...args);
    for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name);
    return child.ended;
  };

  it('is what flags say, else the environment, else a file, else the default', IN_TIME, async (t) => {
    const file = await write(
      'client.toml',
      `server-address = "${ADDRESS}"\nlisten-port = 1\nlanes = 2\ntraffic = "bulk"\nforward = ["81=web", "unix:/x=db"]\nproxy = true\n`,
    );
    const { code, stdout, stderr } = await run(
      t,
      { NYM_PROXY_CONFIG: file, NYM_PROXY_LISTEN_PORT: '2', NYM_PROXY_LANES: '3', NYM_PROXY_PROXY: 'true' },
      CLIENT,
      ...['--listen-port', '3', '--print-config'],
    );
    assert.deepEqual([code, stderr], [0, '']);
    for (const line of [
      `server-address = ["${ADDRESS}"] # file`,
      'listen-port = 3 # flag',
      'lanes = 3 # NYM_PROXY_LANES',
      'traffic = "bulk" # file',
      'forward = ["81=web", "unix:/x=db"] # file',
      'proxy = true # NYM_PROXY_PROXY',
      'protocol = "tcp-proxy" # default',
    ])
      assert.ok(stdout.split('\n').includes(line), `${line}\n${stdout}`);
    // What is printed is a file that says the same.
    const again = await write('again.toml', stdout);
    const { stdout: second } = await run(t, {}, CLIENT, '--config', again, '--print-config');
    const withoutOrigins = (text: string) => text.replaceAll(/ # .*/g, '');
    assert.equal(withoutOrigins(second), withoutOrigins(stdout));
  });

  it('may be JSON, and name upstreams in a table', IN_TIME, async (t) => {
    const file = await write(
      'server.json',
      JSON.stringify({ upstream: { web: '127.0.0.1:80', db: 'unix:/run/db' }, ephemeral: true }),
    );
    const { stdout } = await run(t, {}, SERVER, '--config', file, '--print-config');
    assert.match(stdout, /^upstream = \{ "web" = "127\.0\.0\.1:80", "db" = "unix:\/run\/db" \} # file$/m);
    const { stdout: fromEnvironment } = await run(
      t,
      { NYM_PROXY_UPSTREAM: 'web=127.0.0.1:80, db=127.0.0.1:5432' },
      SERVER,
      '--print-config',
    );
    assert.match(
      fromEnvironment,
      /^upstream = \{ "web" = "127\.0\.0\.1:80", "db" = "127\.0\.0\.1:5432" \} # NYM/m,
    );
  });

  it('names the option that is wrong, and where it was given', IN_TIME, async (t) => {
    const refused = async (
      reason: RegExp,
      environment: Record<string, string>,
      file: string,
      ...args: string[]
    ) => {
      const { code, stderr } = await run(t, environment, file, ...args);
      assert.equal(code, 2);
      assert.match(stderr, reason);
      assert.match(stderr, /^nym-proxy-(server|client): [^\n]+\n$/);
    };
    await refused(
      /--lanes in the environment \(NYM_PROXY_LANES\) .* from 1 to 16/,
      { NYM_PROXY_LANES: 'x' },
      CLIENT,
    );
    await refused(/--shared-client .*true or false/, { NYM_PROXY_SHARED_CLIENT: 'maybe' }, CLIENT);
    const wrong = await write('wrong.toml', 'lanes = 99\n');
    await refused(/--lanes in .*wrong\.toml is invalid: .* from 1 to 16/, {}, CLIENT, '--config', wrong);
    const unknown = await write('unknown.toml', 'lane = 1\n');
    await refused(/"lane" in .*unknown\.toml is no option/, {}, SERVER, '--config', unknown);
    const malformed = await write('malformed.toml', 'lanes\n');
    await refused(/--config .*malformed\.toml cannot be used/, {}, SERVER, '--config', malformed);
    await refused(/--config .*missing cannot be used/, {}, SERVER, '--config', join(directory, 'missing'));
    const both = await write('both.toml', 'shared-client = true\nclient-pool-reserve = 3\n');
    await refused(/--shared-client cannot be used with --client-pool-reserve/, {}, CLIENT, '--config', both);
    // A wrong flag is named before a missing one.
    await refused(/unknown option '--bogus'/, {}, CLIENT, '--bogus');
    await refused(/--server-address <address> is not specified/, {}, CLIENT);
    for (const text of ['web', '80=', '99999=web', 'a b=c', 'unix:=web'])
      await refused(/port=name/, {}, CLIENT, '-L', text);
    await refused(/is not an origin/, {}, CLIENT, '--allow-origin', 'localhost:3000');
  });

  it('lets a flag win over what contradicts it elsewhere', IN_TIME, async (t) => {
    const file = await write('shared.toml', 'client-pool-reserve = 3\n');
    const { stdout } = await run(t, {}, CLIENT, '--shared-client', '--config', file, '--print-config');
    assert.match(stdout, /^shared-client = true # flag$/m);
    assert.match(stdout, /^client-pool-reserve = 2 # default$/m);
  });

  it('is of a version', IN_TIME, async (t) => {
    for (const [file, name] of [
      [SERVER, 'nym-proxy-server'],
      [CLIENT, 'nym-proxy-client'],
    ] as const)
      assert.match(
        (await run(t, {}, file, '--version')).stdout,
        new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\\n$`),
      );
  });

  it('says when there is no home for it', IN_TIME, async (t) => {
    if (process.getuid?.() !== 0) {
      t.diagnostic('only root can become a user without a home: this part did not run');
      return;
    }
    const { stderr } = await run(t, { HOME: '' }, 'test/node/homeless.js', SERVER, '-u', '127.0.0.1:1');
    assert.match(stderr, /no home directory\. Give --config-dir\.\n$/);
  });
});
