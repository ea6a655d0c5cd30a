import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket, createServer, type AddressInfo, type TcpNetConnectOpts } from 'node:net';
import { describe, it, type TestContext } from 'node:test';

import { connectFirst } from '../../src/node/happy-eyeballs.js';
import { connectTcp } from '../../src/node/tcp.js';

const address = (text: string) => ({ address: text, family: text.includes(':') ? 6 : 4 });

/** A name with these addresses, and the sockets that were opened to them. */
class FakeNetwork {
  readonly attempts: string[] = [];
  readonly sockets = new Map<string, Socket>();
  readonly #addresses: readonly string[];

  constructor(...addresses: string[]) {
    this.#addresses = addresses;
  }

  readonly lookup = () => Promise.resolve(this.#addresses.map(address));

  readonly connect = ({ host = '' }: TcpNetConnectOpts): Socket => {
    const socket = new Socket();
    this.attempts.push(host);
    this.sockets.set(host, socket);
    return socket;
  };

  fail(host: string, code: string): void {
    this.sockets.get(host)?.destroy(Object.assign(new Error(code), { code }));
  }
}

const options = { host: 'two.test', port: 1 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

function withTimers(t: TestContext): (ms: number) => void {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return (ms) => t.mock.timers.tick(ms);
}

describe('a name with several addresses', { timeout: 20_000 }, () => {
  it('is connected to by the first even if that takes seconds, while others lead nowhere', async (t) => {
    const tick = withTimers(t);
    const network = new FakeNetwork('2001:db8::1', '192.0.2.1');
    const connected = connectFirst(options, new AbortController().signal, network);
    await turn();
    assert.deepEqual(network.attempts, ['2001:db8::1']);
    tick(250);
    assert.deepEqual(network.attempts, ['2001:db8::1', '192.0.2.1']);
    network.fail('192.0.2.1', 'ENETUNREACH');
    await turn();
    tick(2000);
    const [slow, dead] = [...network.sockets.values()];
    assert.equal(slow?.destroyed, false);
    slow.emit('connect');
    assert.equal(await connected, slow);
    assert.equal(dead?.destroyed, true);
    slow.destroy();
  });

  it('is connected to by whichever accepts first, and the other attempts end', async (t) => {
    const tick = withTimers(t);
    const network = new FakeNetwork('192.0.2.1', '192.0.2.2', '2001:db8::1');
    const connected = connectFirst(options, new AbortController().signal, network);
    await turn();
    tick(250);
    // The other family comes second.
    assert.deepEqual(network.attempts, ['192.0.2.1', '2001:db8::1']);
    network.sockets.get('2001:db8::1')?.emit('connect');
    const socket = await connected;
    assert.equal(network.sockets.get('192.0.2.1')?.destroyed, true);
    assert.equal(socket.destroyed, false);
    socket.destroy();
    tick(1000);
    assert.equal(network.attempts.length, 2);
  });

  it('has its next address tried at once when one fails, and fails when all have', async () => {
    const network = new FakeNetwork('192.0.2.1', '192.0.2.2');
    const connected = connectFirst(options, new AbortController().signal, network);
    await turn();
    network.fail('192.0.2.1', 'ENETUNREACH');
    await turn();
    network.fail('192.0.2.2', 'ECONNREFUSED');
    await assert.rejects(connected, (error) => error instanceof AggregateError && error.errors.length === 2);
  });

  it('is given up with the signal, at any time', async () => {
    const network = new FakeNetwork('192.0.2.1', '192.0.2.2');
    const control = new AbortController();
    const connected = connectFirst(options, control.signal, network);
    await turn();
    const reason = new Error('enough');
    control.abort(reason);
    await assert.rejects(connected, (error) => error === reason);
    assert.equal(network.sockets.get('192.0.2.1')?.destroyed, true);
    await assert.rejects(connectFirst(options, AbortSignal.abort(reason), network), reason);
  });

  it('is localhost, at whose other address nobody listens', async () => {
    const server = createServer((socket) => void socket.on('error', () => undefined).end('hello')).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = await connectTcp({ host: 'localhost', port }, new AbortController().signal);
    const { value } = await connection.readable.getReader().read();
    assert.equal(String(Buffer.from(value ?? [])), 'hello');
    connection.reset();
    server.close();
  });
});
