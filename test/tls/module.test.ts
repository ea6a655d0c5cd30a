import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';

import { trustedRoots } from '../../src/tls/certificates.js';
import { TlsError } from '../../src/tls/errors.js';
import { Rustls, type RustlsConnection } from '../../src/tls/rustls.js';
import { compileTls } from './engines.js';

const HELLO = { host: 'service.example', alpn: [] };

/** A record of TLS 1.2 with any content. */
function record(type: number, content: Uint8Array): Uint8Array {
  return Uint8Array.from([type, 3, 3, content.length >> 8, content.length & 255, ...content]);
}

describe('the TLS module', { timeout: 60_000 }, () => {
  let module: WebAssembly.Module;
  let rustls: Rustls;
  let config: number;

  before(async () => {
    module = await compileTls();
    rustls = await Rustls.start(module);
    config = rustls.configure(trustedRoots({}), []);
  });

  /** What becomes of a connection that gets these bytes, in pieces of this size: bounded, and a {@link TlsError} or nothing. */
  function feed(bytes: Uint8Array, piece: number): string {
    const connection = rustls.open(config, HELLO);
    try {
      assert.ok(connection.send());
      for (let at = 0; at < bytes.length;) {
        const taken = connection.receive(bytes.subarray(at, at + piece));
        if (taken === 0) return 'full';
        at += taken;
        assert.equal(connection.read(), undefined);
      }
      connection.receiveEnd();
      return connection.isHandshaking() ? 'waits' : 'done';
    } catch (error) {
      assert.ok(error instanceof TlsError, String(error));
      assert.ok(!rustls.broken, error.message);
      // It stays so, whatever else is asked.
      assert.throws(() => connection.receive(bytes.subarray(0, 8)), TlsError);
      return error.code;
    } finally {
      connection.close();
    }
  }

  it('asks for nothing but randomness and time', () => {
    const imports = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`);
    assert.deepEqual(imports.sort(), ['env.now', 'env.random']);
  });

  it('refuses garbage, however it is cut', () => {
    for (let round = 0; round < 60; round += 1) {
      const bytes = randomBytes(1 + Math.floor(Math.random() * 3000));
      for (const piece of [1, 7, 5000]) {
        const outcome = feed(bytes, piece);
        assert.ok(['protocol', 'refused', 'version', 'waits', 'full'].includes(outcome), outcome);
      }
    }
  });

  it('refuses records with any content, and those that are too large', () => {
    for (const type of [20, 21, 22, 23, 24, 99]) {
      for (const length of [0, 1, 2, 40, 16_384]) {
        const outcome = feed(record(type, randomBytes(length)), 1000);
        assert.notEqual(outcome, 'done');
      }
    }
    assert.equal(feed(Uint8Array.from([22, 3, 3, 0xff, 0xff, ...randomBytes(70_000)]), 9000), 'protocol');
    // A handshake message that claims 16 MB.
    const endless = record(22, Uint8Array.from([2, 0xff, 0xff, 0xff, ...randomBytes(16_000)]));
    assert.equal(feed(Buffer.concat(Array.from({ length: 12 }, () => endless)), 9000), 'protocol');
  });

  it('says what an alert says', () => {
    assert.equal(feed(record(21, Uint8Array.from([2, 40])), 1), 'refused');
    assert.equal(feed(record(21, Uint8Array.from([2, 70])), 1), 'version');
    assert.equal(feed(record(21, Uint8Array.from([2, 120])), 1), 'alpn');
  });

  it('refuses handles and lengths that are none, and goes on', () => {
    const connection = rustls.open(config, HELLO);
    connection.close();
    connection.close();
    const calls: ((gone: RustlsConnection) => unknown)[] = [
      (gone) => gone.receive(new Uint8Array(3)),
      (gone) => gone.read(),
      (gone) => gone.send(),
      (gone) => gone.write(new Uint8Array(3)),
      (gone) => gone.isHandshaking(),
      (gone) => gone.alpn,
    ];
    for (const call of calls) assert.throws(() => call(connection), isTlsError('engine'));
    for (const length of [65_537, 2 ** 31 - 1, -1]) {
      const other = rustls.open(config, HELLO);
      assert.throws(
        () => rustls.call('x', (exports) => exports.config_root(config, length)),
        isTlsError('engine'),
      );
      assert.throws(() => rustls.call('x', (exports) => exports.open(config, length)), isTlsError('engine'));
      assert.throws(
        () => rustls.call('x', (exports) => exports.receive(1_000_000, length)),
        isTlsError('engine'),
      );
      other.close();
    }
    assert.equal(rustls.broken, false);
  });

  it('refuses roots that are none', () => {
    const others = [Uint8Array.from([0x30, 0x82, 0, 2, 5, 0])];
    assert.throws(() => rustls.configure({ mozilla: false, others }, []), isTlsError('options'));
    const nobody = rustls.configure({ mozilla: false, others: [] }, []);
    assert.throws(() => rustls.open(nobody, HELLO), isTlsError('options'));
    assert.throws(() => trustedRoots({ roots: 'no PEM' }), isTlsError('options'));
    assert.throws(() => trustedRoots({ roots: [] }), isTlsError('options'));
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
    assert.throws(() => trustedRoots({ extraRoots: key }), isTlsError('options'));
  });

  it('frees what is closed', () => {
    for (let count = 0; count < 200; count += 1) feed(randomBytes(500), 500);
    const before = rustls.memoryBytes;
    for (let count = 0; count < 2000; count += 1) feed(randomBytes(500), 500);
    assert.equal(rustls.memoryBytes, before);
  });
});

function isTlsError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlsError && error.code === code;
}
