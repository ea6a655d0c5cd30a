import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { after, before, describe, it } from 'node:test';

import { connectUpstream, parseUpstream } from '../../src/node/upstreams.js';
import { SessionError } from '../../src/session/errors.js';
import { issue } from '../support/certificates.js';

const { signal } = new AbortController();

describe('an upstream over TLS', { timeout: 60_000 }, () => {
  let directory: string;
  let ca: string;
  let server: Server;
  let port: number;

  before(async () => {
    const root = issue({ name: 'Private Root', ca: true });
    const leaf = issue({ name: 'db', hosts: ['db.internal', '127.0.0.1'] }, root);
    directory = await mkdtemp(join(tmpdir(), 'nym-tls-upstream-'));
    ca = join(directory, 'ca.pem');
    await writeFile(ca, root.pem);
    server = createServer({ key: leaf.keyPem, cert: leaf.pem, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      const name = (socket as unknown as { servername: string | false }).servername;
      socket.once('data', (data) => socket.end(`${String(name)} got ${String(data)}`));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });

  async function ask(address: string): Promise<string> {
    const connection = await connectUpstream(parseUpstream(address), signal, 10_000);
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode('bytes'));
    await writer.close();
    return new Response(connection.readable).text();
  }

  it('is spoken with in TLS if its certificate is good, for the host or for the name given', async () => {
    assert.equal(await ask(`tls://127.0.0.1:${port}?ca=${ca}`), 'false got bytes');
    assert.equal(await ask(`tls://127.0.0.1:${port}?ca=${ca}&sni=db.internal`), 'db.internal got bytes');
  });

  it('is unreachable otherwise, and the log can say why', async () => {
    const failed = (why: RegExp) => (error: unknown) => {
      assert.ok(error instanceof SessionError);
      assert.equal(error.code, 'unreachable');
      assert.match(error.message, why);
      return true;
    };
    await assert.rejects(ask(`tls://127.0.0.1:${port}`), failed(/No trusted root/));
    await assert.rejects(
      ask(`tls://127.0.0.1:${port}?ca=${ca}&sni=other`),
      failed(/not for other, but for db\.internal/),
    );
  });

  it('is refused at the start if it cannot be one', () => {
    const wrong: readonly [string, RegExp][] = [
      ['tls://127.0.0.1', /host:port/],
      ['tls://db:5432?insecure=1', /no \?insecure/],
      ['tls://db:5432?ca=/nowhere.pem', /nowhere\.pem/],
      ['tls://db:5432?sni=a b', /no host name/],
    ];
    for (const [address, why] of wrong) {
      assert.throws(
        () => parseUpstream(address),
        (error) => error instanceof RangeError && why.test(error.message),
      );
    }
  });
});
