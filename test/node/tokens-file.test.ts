import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { readTokens, TokensFile, TokensFileError } from '../../src/node/tokens-file.js';
import { Upstreams } from '../../src/node/upstreams.js';

const ONE = 'correct-horse-battery';
const TWO = 'staple-horse-battery';

describe('a file of access tokens', () => {
  let directory = '';
  let path = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
    path = join(directory, 'tokens');
  });
  afterEach(() => rm(directory, { recursive: true }));

  const write = async (text: string, mode = 0o600) => {
    await writeFile(path, text);
    await chmod(path, mode);
  };

  it('has one a line, with notes and comments', async () => {
    await write(`# ours\n\n${ONE} alice, until May\r\n  ${TWO}\n${ONE}\n`);
    assert.deepEqual(readTokens(path), [ONE, TWO]);
  });

  it('is refused if others can read it, it is none, or a line is no token', async () => {
    const refused = (reason: RegExp) =>
      assert.throws(
        () => readTokens(path),
        (error) => error instanceof TokensFileError && reason.test(error.message),
      );
    refused(/cannot be read/);
    for (const mode of [0o640, 0o604, 0o602]) {
      await write(ONE, mode);
      refused(/chmod 600/);
    }
    await write(`${ONE}\nsecret-2-short\n`);
    refused(/^Line 2 .* 16 to 256 characters/);
    assert.throws(
      () => readTokens(path),
      (error) => !String(error).includes('secret-2'),
    );
    await write(Array.from({ length: 257 }, (_, n) => `token-number-${n}-of-many`).join('\n'));
    refused(/more than 256/);
    await write('#'.repeat(300_000));
    refused(/more than \d+ bytes/);
    const link = join(directory, 'link');
    await write(ONE);
    await symlink(path, link);
    path = link;
    refused(/symbolic link/);
    path = directory;
    refused(/not a file/);
  });

  it('is read again on demand; while it cannot be used, no token is good', async () => {
    await write(ONE);
    const errors: string[] = [];
    const file = new TokensFile(path, ({ message }) => errors.push(message));
    assert.deepEqual(file.tokens, [ONE]);
    assert.equal(file.tokens, file.tokens);
    await write(TWO);
    file.reload();
    assert.deepEqual(file.tokens, [TWO]);
    await rm(path);
    file.reload();
    assert.deepEqual([file.tokens, errors.length], [undefined, 1]);
    await write(ONE, 0o644);
    file.reload();
    assert.deepEqual([file.tokens, errors.length], [undefined, 2]);
    await chmod(path, 0o600);
    file.reload();
    assert.deepEqual([file.tokens, errors.length], [[ONE], 2]);
  });

  it('is read again by itself when it has changed', { timeout: 20_000 }, async () => {
    await write(ONE);
    const file = new TokensFile(path, (error) => assert.fail(error));
    await write(`${TWO}\n`);
    while (!file.tokens?.includes(TWO)) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(file.tokens, [TWO]);
  });
});

describe('upstreams by name', () => {
  const web = { host: '127.0.0.1', port: 80 };
  const ssh = { host: '::1', port: 22 };

  it('are found by it; who asks for none gets the default one, or the only one', () => {
    const both = new Upstreams('127.0.0.1:80', { ssh: '[::1]:22' });
    assert.deepEqual([both.find(undefined), both.find('ssh')], [web, ssh]);
    const only = new Upstreams(undefined, { ssh: '[::1]:22' });
    assert.deepEqual([only.find(undefined), only.find('ssh')], [ssh, ssh]);
    const two = new Upstreams(undefined, { ssh: '[::1]:22', web: '127.0.0.1:80' });
    assert.deepEqual([two.find(undefined), two.find('web')], [undefined, web]);
    for (const name of ['SSH', '', 'constructor', '__proto__']) assert.equal(both.find(name), undefined);
  });

  it('cannot be nothing, nowhere or badly named', () => {
    assert.throws(() => new Upstreams(undefined), RangeError);
    assert.throws(() => new Upstreams(undefined, { web: 'nowhere' }), RangeError);
    assert.throws(() => new Upstreams(undefined, { 'with blank': '127.0.0.1:80' }), RangeError);
  });
});
