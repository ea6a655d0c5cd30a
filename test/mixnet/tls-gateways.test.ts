import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY, TEST_AUTHORITY } from '../support/localhost-certificate.js';
import { limit, withLocalnet } from './localnet-clients.js';

const SCRIPT = join(import.meta.dirname, '../support/self-message.js');

describe('gateways that offer TLS', { timeout: 180_000 }, () => {
  const world = withLocalnet({ tls: { key: LOCALHOST_KEY, cert: LOCALHOST_CERTIFICATE } });

  /** What a process of its own prints that trusts these authorities besides the usual ones. */
  async function selfMessage(authorities: string): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'nym-tcp-proxy-test-'));
    try {
      const file = join(directory, 'authorities.pem');
      await writeFile(file, authorities);
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: file };
      const run = promisify(execFile)(process.execPath, [SCRIPT, world.net.apiUrl], { env, timeout: 50_000 });
      return (await run).stdout;
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  it('are reached with it by clients that trust their authority', limit, async () => {
    for (const { tls } of world.net.gateways)
      assert.ok(tls && tls.wssPort > 0 && tls.hostname === 'localhost');
    assert.equal(await selfMessage(TEST_AUTHORITY), 'to myself');
  });

  it('are refused by clients that do not, which say so', limit, async () => {
    await assert.rejects(world.start(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'gateway');
      assert.match(error.message, /None of the 2 gateways/);
      return true;
    });
  });
});
