import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { MAINNET } from '../../src/mixnet/network.js';
import { readNetwork } from '../../src/mixnet/node/network-file.js';

describe('the network of an env file', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nym-env-'));
  });
  after(() => rm(directory, { recursive: true }));

  async function envFile(text: string): Promise<string> {
    const path = join(directory, 'network.env');
    await writeFile(path, text);
    return path;
  }

  it('is mainnet without a file, and only then', async () => {
    assert.deepEqual(await readNetwork(undefined), MAINNET);
    await assert.rejects(readNetwork(''), { code: 'network' });
  });

  it('is read among other keys, comments and quotes', async () => {
    const path = await envFile(
      '# a network\nNETWORK_NAME=localnet\nNYXD=http://nowhere\n\nNYM_API="http://127.0.0.1:8000/api/"\nBECH32_PREFIX=n\n',
    );
    assert.deepEqual(await readNetwork(path), { name: path, apiUrl: 'http://127.0.0.1:8000/api/' });
  });

  it('is refused without NYM_API, naming the file and the line to add', async () => {
    const path = await envFile('NETWORK_NAME=localnet\n');
    await assert.rejects(readNetwork(path), (error: Error) => {
      assert.equal(error.name, 'MixnetClientError');
      assert.ok(error.message.includes(path));
      assert.match(error.message, /NYM_API=/);
      return true;
    });
  });

  for (const url of ['nonsense', 'ftp://127.0.0.1/', 'file:///etc/passwd', '127.0.0.1:8000', 'http://']) {
    it(`is refused if NYM_API is ${url}`, async () => {
      const path = await envFile(`NYM_API=${url}\n`);
      await assert.rejects(readNetwork(path), { name: 'MixnetClientError', code: 'network' });
    });
  }

  it('is refused if the file cannot be read, never mainnet instead', async () => {
    const path = join(directory, 'missing.env');
    await assert.rejects(readNetwork(path), (error: Error) => {
      assert.ok(error.message.includes(path));
      assert.match(error.message, /ENOENT/);
      return true;
    });
    await assert.rejects(readNetwork(directory), { code: 'network' });
  });
});
