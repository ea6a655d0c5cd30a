import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { isIP } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { DEFAULT_HANDSHAKE_TIMEOUT_MS, withTls } from '../../src/tls/socket.js';
import { TlsError } from '../../src/tls/errors.js';
import { ANSWER, startTlsServers, type TlsCase, type TlsServers } from './cases.js';
import { ENGINES, tcpSockets } from './engines.js';

const limit = { timeout: 60_000 };

describe('what is trusted', limit, () => {
  let servers: TlsServers;

  before(async () => {
    servers = await startTlsServers();
  }, limit);
  after(() => servers[Symbol.dispose](), limit);

  for (const [name, engineWith] of Object.entries(ENGINES)) {
    it(`${name} takes the good servers and says what is wrong with the others`, limit, async (t) => {
      const engine = engineWith({ roots: servers.root.pem });
      const found = await Promise.all(
        servers.cases.map(async ({ name, host, alpn, port }) => {
          const socket = withTls(tcpSockets(port), {
            engine: () => Promise.resolve(engine),
            handshakeTimeoutMs: DEFAULT_HANDSHAKE_TIMEOUT_MS,
          })({ secureTransport: 'on', sni: host, alpn });
          const verdict = await verdictOf(socket);
          return [name, verdict] as const;
        }),
      );
      for (const [name, verdict] of found) t.diagnostic(`${name}: ${verdict.text}`);
      assert.deepEqual(
        Object.fromEntries(found.map(([name, { verdict }]) => [name, verdict])),
        Object.fromEntries(
          servers.cases.map(({ name: each, expected, ofRustls }) => [
            each,
            name === 'rustls' ? ofRustls : expected,
          ]),
        ),
      );
    });
  }

  it('node:tls alone does the same, but where it is laxer', limit, async () => {
    const found = await Promise.all(servers.cases.map((each) => askNode(each, servers.root.pem)));
    assert.deepEqual(
      Object.fromEntries(servers.cases.map(({ name }, at) => [name, found[at]])),
      Object.fromEntries(servers.cases.map(({ name, nodeAlone }) => [name, nodeAlone])),
    );
  });
});

interface Verdict {
  readonly verdict: string;
  readonly text: string;
}

async function verdictOf(socket: ReturnType<ReturnType<typeof withTls>>): Promise<Verdict> {
  try {
    const { alpn } = await socket.opened;
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode('hello'));
    writer.releaseLock();
    const answer = await new Response(socket.readable).text();
    assert.equal(answer, ANSWER);
    await socket.closed;
    return { verdict: 'ok', text: `ok, ${String(alpn)}` };
  } catch (error) {
    if (!(error instanceof TlsError)) throw error;
    return { verdict: error.code, text: error.message };
  }
}

function askNode({ host, alpn, port }: TlsCase, ca: string): Promise<'ok' | 'refused'> {
  return new Promise((resolve) => {
    const name = host.replace(/\.$/, '');
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca,
      ALPNProtocols: [...alpn],
      ...(isIP(name) === 0 && { servername: name }),
    });
    socket.once('secureConnect', () => {
      socket.destroy();
      resolve('ok');
    });
    socket.once('error', () => resolve('refused'));
  });
}
