import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';

import { ByteSource } from '../../src/node/fronts/byte-source.js';
import { GuardedConnection } from '../../src/node/fronts/guarded-connection.js';
import { PageRules, type Refusal, type WebPages } from '../../src/node/fronts/page-rules.js';
import { RequestGuard } from '../../src/node/fronts/request-guard.js';

const LISTENER = '192.0.2.5';

interface Outcome {
  readonly passed: string;
  readonly refusal: Refusal | undefined;
}

/** What passes of a connection that sends these bytes in pieces of a size, and ends. */
function pass(bytes: string | Buffer, pieceBytes: number, rules: WebPages = {}): Outcome {
  const guard = new RequestGuard(new PageRules(rules), LISTENER);
  const all = Buffer.from(bytes as string, 'latin1');
  const passed: Buffer[] = [];
  for (let at = 0; at < all.length; at += pieceBytes) {
    const guarded = guard.take(all.subarray(at, at + pieceBytes));
    passed.push(Buffer.from(guarded.pass));
    if (guarded.refusal) return outcome(passed, guarded.refusal);
  }
  const { pass: rest, refusal } = guard.end();
  return outcome([...passed, rest], refusal);
}

function outcome(passed: readonly Buffer[], refusal: Refusal | undefined): Outcome {
  return { passed: Buffer.concat(passed).toString('latin1'), refusal };
}

/** However the bytes are cut, nothing of them passes but `before`. */
function assertRefused(bytes: string | Buffer, status: number, before = '', rules?: WebPages): void {
  for (const size of [1, 2, 7, 1 << 20]) {
    const { passed, refusal } = pass(bytes, size, rules);
    assert.equal(refusal?.status, status, `in pieces of ${size}: ${String(bytes).slice(0, 200)}`);
    assert.equal(passed, before);
  }
}

function assertPasses(bytes: string | Buffer, rules?: WebPages): void {
  for (const size of [1, 2, 7, 1 << 20]) {
    const { passed, refusal } = pass(bytes, size, rules);
    assert.equal(refusal, undefined, `in pieces of ${size}: ${String(bytes).slice(0, 200)}`);
    assert.equal(passed, Buffer.from(bytes as string, 'latin1').toString('latin1'));
  }
}

const get = (host: string, ...fields: string[]) =>
  ['GET /tag?visitor=1 HTTP/1.1', `Host: ${host}`, ...fields, '', ''].join('\r\n');

describe('requests to the listening port', () => {
  it('pass under the names that it has', () => {
    const hosts = ['127.0.0.1:8080', 'localhost', 'LOCALHOST:8080', 'localhost.:8080', 'app.localhost:80'];
    hosts.push(
      '[::1]:8080',
      '[0:0:0:0:0:0:0:1]',
      '127.9.9.9',
      '[::ffff:127.0.0.1]:1',
      '[::ffff:7f00:1]',
      '192.0.2.5:80',
    );
    for (const host of hosts) assertPasses(get(host));
    assertPasses(get('tunnel.example:80'), { allowHosts: ['Tunnel.Example'] });
    assertPasses(get('anything.example'), { allowHosts: ['*'] });
  });

  it('are refused under any other', () => {
    const hosts = [
      'rebind.example:8080',
      '192.0.2.6',
      '0.0.0.0:8080',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
    ];
    hosts.push(
      'evil.example#localhost',
      '127.0.0.1@evil.example',
      '[::2]',
      '[::]',
      '2130706433',
      '0x7f.1',
      '',
      'a b',
    );
    for (const host of hosts) {
      const { passed, refusal } = pass(get(host), 1 << 20);
      assert.ok(refusal?.status === 421 || refusal?.status === 400, host);
      assert.equal(passed, '');
    }
    assertRefused(get('rebind.example:8080'), 421);
    assertRefused(get('other.example'), 421, '', { allowHosts: ['tunnel.example'] });
  });

  it('are refused if they come from the pages of another origin', () => {
    const host = '127.0.0.1:8080';
    const foreign = [
      'http://evil.example',
      'http://localhost:3000',
      'http://127.0.0.1:3000',
      'http://localhost:8080',
      'null',
    ];
    foreign.push('https://127.0.0.1:8080.evil.example', 'chrome-extension://abcdef', 'file://', '');
    for (const origin of foreign) assertRefused(get(host, `Origin: ${origin}`), 403);
    for (const site of ['cross-site', 'same-site', 'anything'])
      assertRefused(get(host, `sec-fetch-site: ${site}`, 'Sec-Fetch-Mode: navigate'), 403);
    assertRefused(get(host, 'Sec-Fetch-Site: none', 'SEC-FETCH-SITE:\tcross-site'), 403);
    assertRefused(get(host, 'Origin: http://127.0.0.1:8080', 'Origin: http://evil.example'), 403);
    assertRefused(get(host, 'Upgrade: websocket', 'Connection: Upgrade', 'Origin: http://evil.example'), 403);
  });

  it('pass if the upstream has made them, somebody who typed the address, or no browser', () => {
    const host = '127.0.0.1:8080';
    assertPasses(get(host, 'Origin: http://127.0.0.1:8080', 'Sec-Fetch-Site: same-origin'));
    assertPasses(get('127.0.0.1', 'Origin: http://127.0.0.1:80'));
    assertPasses(get(host, 'Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate'));
    assertPasses(get('[::1]:8080', 'Origin: http://[0:0::1]:8080'));
    assertPasses('GET / HTTP/1.0\r\n\r\n');
    assertPasses('OPTIONS * HTTP/1.1\nhost: localhost\n\n');
  });

  it('pass from origins that are allowed, and from no others', () => {
    const rules = { allowOrigins: ['http://localhost:3000', 'chrome-extension://abcdef'] };
    const host = '127.0.0.1:8080';
    assertPasses(get(host, 'Origin: http://localhost:3000', 'Sec-Fetch-Site: cross-site'), rules);
    assertPasses(get(host, 'Origin: chrome-extension://abcdef'), rules);
    assertPasses(get(host, 'Referer: http://localhost:3000/page', 'Sec-Fetch-Site: cross-site'), rules);
    assertRefused(
      get(host, 'Referer: http://localhost:3001/page', 'Sec-Fetch-Site: cross-site'),
      403,
      '',
      rules,
    );
    assertRefused(get(host, 'Sec-Fetch-Site: cross-site'), 403, '', rules);
    assertRefused(get('evil.example', 'Origin: http://localhost:3000'), 421, '', rules);
    for (const bad of [
      { allowOrigins: ['localhost:3000'] },
      { allowOrigins: ['http://a/b'] },
      { allowHosts: ['a:1'] },
    ])
      assert.throws(() => new PageRules(bad), RangeError);
  });

  it('are judged by their target too, if it has a host', () => {
    assertRefused('GET http://evil.example/tag HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 421);
    assertRefused('GET http://evil.example/tag HTTP/1.0\r\n\r\n', 421);
    assertRefused('CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', 421);
    assertPasses('GET http://localhost:8080/tag HTTP/1.1\r\nHost: localhost:8080\r\n\r\n');
  });

  it('are refused if they cannot be judged', () => {
    assertRefused('GET / HTTP/1.1\r\n\r\n', 400);
    assertRefused('GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n', 400);
    assertRefused('GET / HTTP/1.1\r\nHost: localhost\r\n continued\r\n\r\n', 400);
    assertRefused('GET / HTTP/1.1\r\nHost : evil.example\r\nHost: localhost\r\n\r\n', 400);
    assertRefused('GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rHost: evil.example\r\n\r\n', 400);
    assertRefused(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
    );
    assertRefused(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    );
    assertRefused('GET /tag HTTP/1.1\r\nHost: local', 400);
    assertRefused('GET /tag', 400);
  });

  it('are refused with heads too long to judge, whatever the method', () => {
    const long = 'a'.repeat(100_000);
    for (const head of [`GET /${long}`, `hello /${long}`, get('localhost', `X: ${long}`)]) {
      const { passed, refusal } = pass(head, 10_000);
      assert.deepEqual([passed, refusal?.status], ['', 431]);
    }
  });

  it('are all judged on a kept connection, behind bodies of any kind', () => {
    const ours = 'Host: 127.0.0.1:8080\r\n';
    const bad = get('127.0.0.1:8080', 'Sec-Fetch-Site: cross-site');
    const good = [
      `GET / HTTP/1.1\r\n${ours}\r\n`,
      `POST / HTTP/1.1\r\n${ours}Content-Length: 7\r\n\r\nGET / H`,
      `POST / HTTP/1.1\r\n${ours}Transfer-Encoding: Chunked\r\n\r\n5;x="y"\r\nGET /\r\n00a\r\n0123456789\r\n0\r\nA: b\r\n\r\n`,
      `POST / HTTP/1.1\r\n${ours}Content-Length: 0\r\nContent-Length: 0\r\n\r\n\r\n`,
    ];
    for (const first of good) {
      assertPasses(first + good.join(''));
      assertRefused(first + bad, 403, first);
      assertRefused(first + first + get('rebind.example'), 421, first + first);
      assertRefused(`${first}something else\r\n\r\n`, 400, first);
    }
    // A body that looks like a request is none.
    const body = `POST / HTTP/1.1\r\n${ours}Content-Length: ${bad.length}\r\n\r\n${bad}`;
    assertPasses(body);
    assertRefused(body + bad, 403, body);
  });

  it('are no requests any more once the connection is for something else', () => {
    const upgrade = get('localhost', 'Connection: Upgrade', 'Upgrade: websocket');
    for (const first of [upgrade, 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n'])
      assertPasses(`${first}\x81\x85\0\0\0\0hello${get('evil.example')}`);
    assertPasses('SOURCE /radio HTTP/1.0\r\nHost: localhost\r\n\r\n\xff\xfbmusic');
  });
});

describe('what is not HTTP', () => {
  it('passes at once and untouched', () => {
    const texts = [
      'hello',
      'SSH-2.0-x\r\n',
      'EHLO me\r\n',
      'GETX',
      'GET key\r\n',
      '\0\0\0\x08\x04\xd2\x16/',
      '{"a": "b"}',
    ];
    texts.push(
      'hello world',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x02',
      '*1\r\n$4\r\nPING\r\n',
      'OPTIONS rtsp://x/ RTSP/1.0\r\n',
    );
    for (const text of texts) {
      assertPasses(text);
      const guard = new RequestGuard(new PageRules({}), LISTENER);
      assert.equal(guard.take(Buffer.from(text, 'latin1')).pass.toString('latin1'), text, 'it does not wait');
    }
    // What may still become a request passes at the end.
    for (const text of ['G', 'POST', '\x16', '\x16\x03\x01', '\r\n']) assertPasses(text);
  });
});

describe('a connection of another protocol', { timeout: 10_000 }, () => {
  /** What comes out of a connection whose application waits for an answer after these bytes. */
  async function passWhileOpen(bytes: Buffer): Promise<Buffer> {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const connection = {
      readable,
      writable: new WritableStream<Uint8Array>(),
      failure: undefined,
      fail: () => Promise.resolve(),
      reset: () => undefined,
    };
    const guard = new RequestGuard(new PageRules({}), LISTENER);
    const guarded = new GuardedConnection(connection, new ByteSource(connection), guard, () => undefined);
    void writable.getWriter().write(bytes);
    assert.equal(await guarded.begin(1000), undefined);
    const reader = guarded.readable.getReader();
    const chunks: Uint8Array[] = [];
    for (let length = 0; length < bytes.length;) {
      const { value = new Uint8Array() } = await reader.read();
      chunks.push(value);
      length += value.length;
    }
    return Buffer.concat(chunks);
  }

  it('passes, however it begins, while its application waits for an answer', async () => {
    const beginnings = ['G', 'POST', '\x16', 'u'.repeat(200), 'u'.repeat(513), 'u'.repeat(70_000)];
    beginnings.push(Buffer.alloc(3000, 7).toString('base64'), JSON.stringify(Array(1000).fill({ a: 'b' })));
    for (const text of beginnings) {
      const bytes = Buffer.from(text, 'latin1');
      assert.deepEqual(await passWhileOpen(bytes), bytes, text.slice(0, 20));
    }
  });

  it('is not what a request is whose method is long', () => {
    for (const length of [600, 70_000]) {
      const method = 'u'.repeat(length);
      const request = Buffer.from(`${method} /tag HTTP/1.1\r\nHost: rebind.example\r\n\r\n`);
      const { passed, refusal } = pass(request, request.length);
      assert.deepEqual([passed, refusal?.status], ['', length > 65_536 ? 431 : 421]);
      for (const size of [550, length, length + 1]) {
        const { passed, refusal } = pass(request, size);
        assert.deepEqual([passed, refusal?.status], [method, 431], `in pieces of ${size}`);
      }
    }
  });
});

describe('TLS to the listening port', { timeout: 10_000 }, () => {
  /** What a TLS client says first. */
  async function clientHello(options: { servername?: string; ALPNProtocols?: string[] }): Promise<Buffer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connectTls({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      ...options,
    });
    client.on('error', () => undefined);
    const [socket] = (await once(server, 'connection')) as [Socket];
    const [hello] = (await once(socket, 'data')) as [Buffer];
    client.destroy();
    server.close();
    return hello;
  }

  it('is refused to browsers under a foreign name, and passes otherwise', async () => {
    const web = ['h2', 'http/1.1'];
    const tagged = await clientHello({ servername: 'visitor-1.rebind.example', ALPNProtocols: web });
    assertRefused(tagged, 421);
    const inTwoRecords = Buffer.concat([
      tagged.subarray(0, 3),
      Buffer.from([0, 100]),
      tagged.subarray(5, 105),
      tagged.subarray(0, 3),
      Buffer.from([(tagged.length - 105) >> 8, (tagged.length - 105) & 0xff]),
      tagged.subarray(105),
    ]);
    assertRefused(inTwoRecords, 421);
    assertPasses(tagged, { allowHosts: ['visitor-1.rebind.example'] });
    for (const servername of [undefined, 'localhost'])
      assertPasses(await clientHello({ ...(servername && { servername }), ALPNProtocols: web }));
    assertPasses(await clientHello({ servername: 'mail.example' }));
    assertPasses(await clientHello({ servername: 'mail.example', ALPNProtocols: ['imap'] }));
  });
});
