import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type RequestOptions, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';

import { EarlyListener } from '../../src/node/early-listener.js';
import { NymProxyClient, NymProxyServer } from '../../src/node/index.js';
import { readToEnd, resetCode, TestNetwork, TestUpstream } from '../support/tunnel.js';
import { runFile } from './child.js';

const IN_TIME = { timeout: 60_000 };

/** The next bytes of a socket: so many, no more. */
async function read(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes !== null) return bytes;
    await Promise.race([once(socket, 'readable'), once(socket, 'end')]);
    if (socket.readableEnded) return Buffer.alloc(0);
  }
}

async function bodyOf(options: RequestOptions): Promise<string> {
  const [response] = (await once(get({ agent: false, ...options }), 'response')) as [IncomingMessage];
  return text(response);
}

describe('the fronts of a client', IN_TIME, () => {
  let network: TestNetwork;
  let web: Server;
  let echo: TestUpstream;
  let server: NymProxyServer;
  let client: NymProxyClient;
  let webPath = '';
  let localPath = '';

  before(async () => {
    network = await TestNetwork.start();
    webPath = join(network.directory, 'web.sock');
    localPath = join(network.directory, 'local.sock');
    web = createServer(({ method, url, rawHeaders }, response) => {
      response.end(JSON.stringify({ method, url, rawHeaders }));
    }).listen(webPath);
    await once(web, 'listening');
    echo = await TestUpstream.start((socket) => void socket.pipe(socket));
    const { env } = network;
    server = await NymProxyServer.create({
      env,
      upstream: `unix:${webPath}`,
      upstreams: { echo: echo.address, web: `unix:${webPath}` },
      allowUpstreams: [echo.address],
      traffic: 'fast',
    });
    void server.run();
    client = await NymProxyClient.create({
      env,
      serverAddress: server.nymAddress,
      listenPort: 0,
      forwards: [{ port: 0, upstream: 'echo' }, { path: localPath }],
      proxy: true,
      traffic: 'fast',
    });
  });
  after(async () => {
    await client.close();
    await server.close();
    web.close();
    await echo[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  const connectToProxy = () => {
    const socket = connect({ ...client.listenAddress, allowHalfOpen: true });
    socket.on('error', () => undefined);
    return socket;
  };

  it('lead to the upstream of the port', IN_TIME, async () => {
    const [main, forward] = client.listening;
    assert.equal(forward?.upstream, 'echo');
    assert.match(await bodyOf({ port: main?.port, path: '/main' }), /"url":"\/main"/);
    const socket = connect({ port: forward.port ?? 0, allowHalfOpen: true });
    socket.end('hello');
    assert.equal((await readToEnd(socket)).toString(), 'hello');
  });

  it('carry what a long word begins, while the application waits for an answer', IN_TIME, async () => {
    const socket = connect({ port: client.listening[1]?.port ?? 0 });
    const word = Buffer.alloc(200_000, 'u');
    socket.write(word);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      if (Buffer.concat(chunks).length >= word.length) break;
    }
    assert.deepEqual(Buffer.concat(chunks), word);
  });

  it('are on a Unix socket this user’s alone', IN_TIME, async () => {
    assert.equal((await stat(localPath)).mode & 0o777, 0o600);
    const body = await bodyOf({ socketPath: localPath, path: '/unix', headers: { host: 'any.example' } });
    assert.match(body, /"url":"\/unix"/);
    await assert.rejects(EarlyListener.listenUnix(localPath, 1), { code: 'EADDRINUSE' });
    await assert.rejects(EarlyListener.listenUnix(network.env, 1), { code: 'EADDRINUSE' });
  });

  it('replace a Unix socket that a process has left behind', IN_TIME, async (t) => {
    const path = join(network.directory, 'dead.sock');
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', program]), 'exit');
    assert.ok((await stat(path)).isSocket());
    const listener = await EarlyListener.listenUnix(path, 1);
    t.after(() => listener.close());
    assert.ok((await stat(path)).isSocket());
  });

  const socksTo = (type: number, ...address: number[]) => Uint8Array.of(5, 1, 0, type, ...address, 0, 80);
  const socksName = (name: string) => socksTo(3, name.length, ...Buffer.from(name));

  it('speak SOCKS5, with the upstream’s name as host', IN_TIME, async () => {
    const socket = connectToProxy();
    for (const byte of [5, 2, 1, 0]) socket.write(Uint8Array.of(byte));
    assert.deepEqual([...(await read(socket, 2))], [5, 0]);
    // What the application sends may come with its request.
    socket.write(Buffer.concat([socksName('echo'), Buffer.from('at once')]));
    assert.deepEqual([...(await read(socket, 10))], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert.equal((await read(socket, 7)).toString(), 'at once');
    socket.end('hello');
    assert.equal((await read(socket, 5)).toString(), 'hello');
    assert.equal((await readToEnd(socket)).length, 0);
  });

  it('refuse what SOCKS5 has and they have not', IN_TIME, async () => {
    for (const [request, code] of [
      [Uint8Array.of(5, 2, 0, 1, 127, 0, 0, 1, 0, 80), 7],
      [socksTo(2), 8],
      [socksName('no name'), 2],
    ] as const) {
      const socket = connectToProxy();
      socket.write(Uint8Array.of(5, 1, 0));
      assert.deepEqual([...(await read(socket, 2))], [5, 0]);
      socket.write(request);
      assert.equal((await read(socket, 10))[1], code);
      assert.equal((await readToEnd(socket)).length, 0);
      socket.destroy();
    }
    const withPassword = connectToProxy();
    withPassword.write(Uint8Array.of(5, 1, 2));
    assert.deepEqual([...(await readToEnd(withPassword))], [5, 0xff]);
    withPassword.destroy();

    // What only the server can refuse shows as a reset.
    for (const request of [
      socksName('other'),
      socksName('other.example'),
      socksTo(4, ...new Uint8Array(15), 1),
    ]) {
      const unknown = connectToProxy();
      unknown.write(Buffer.concat([Uint8Array.of(5, 1, 0), request, Buffer.from('hello')]));
      assert.equal(await resetCode(unknown), 'ECONNRESET');
    }
  });

  it('are an HTTP proxy for CONNECT and for whole URLs', IN_TIME, async () => {
    const tunnel = connectToProxy();
    tunnel.write('CONNECT echo:443 HTTP/1.1\r\nHost: echo:443\r\n\r\n');
    const established = 'HTTP/1.1 200 Connection established\r\n\r\n';
    assert.equal((await read(tunnel, established.length)).toString(), established);
    tunnel.end('hello');
    assert.equal((await readToEnd(tunnel)).toString(), 'hello');

    const byAddress = connectToProxy();
    byAddress.write(`CONNECT ${echo.address} HTTP/1.1\r\n\r\n`);
    assert.equal((await read(byAddress, established.length)).toString(), established);
    byAddress.end('hello');
    assert.equal((await readToEnd(byAddress)).toString(), 'hello');

    const { port, host } = client.listenAddress;
    const headers = { host: 'web', 'proxy-connection': 'keep-alive', accept: '*/*' };
    const body = await bodyOf({ host, port, path: 'http://WEB:80/page?a', headers });
    assert.deepEqual(JSON.parse(body), {
      method: 'GET',
      url: '/page?a',
      rawHeaders: ['host', 'WEB:80', 'accept', '*/*', 'connection', 'close'],
    });
    assert.match(await bodyOf({ host, port, path: '/plain' }), /"url":"\/plain"/);
    assert.match(await bodyOf({ host, port, path: 'http://no~name/' }), /no upstream of this name/);
  });

  it('refuse web pages that come by a proxy, too', IN_TIME, async () => {
    const request = (host: string) =>
      `GET / HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://evil.example\r\n\r\n`;
    const whole = connectToProxy();
    whole.write(request('web').replace(' / ', ' http://web/ '));
    assert.match((await readToEnd(whole)).toString(), /^HTTP\/1\.1 403 /);
    for (const host of ['web', 'evil.example']) {
      const socket = connectToProxy();
      socket.write(Buffer.concat([Uint8Array.of(5, 1, 0), socksName('web'), Buffer.from(request(host))]));
      assert.match((await readToEnd(socket)).subarray(12).toString(), /^HTTP\/1\.1 4(03|21) /);
    }
    const own = connectToProxy();
    own.write(Buffer.concat([Uint8Array.of(5, 1, 0), socksName('web')]));
    own.write('GET /own HTTP/1.1\r\nHost: web\r\nOrigin: http://web\r\nConnection: close\r\n\r\n');
    assert.match((await readToEnd(own)).subarray(12).toString(), /^HTTP\/1\.1 200 [^]*"url":"\/own"/);
  });

  it('are stdin and stdout for a program that wants no port', IN_TIME, async (t) => {
    const args = ['-s', server.nymAddress, '-e', network.env, '--traffic', 'fast', '--stdio'];
    const child = runFile(
      t,
      'src/node/cli/client.js',
      ...args,
      '--upstream-name',
      'echo',
      '--log-level',
      'silent',
    );
    const { code, stdout, stderr } = await child.endWith('through a pipe\n');
    assert.deepEqual([code, stdout, stderr], [0, 'through a pipe\n', '']);
    const lost = runFile(t, 'src/node/cli/client.js', ...args, '--upstream-name', 'other');
    assert.equal((await lost.endWith('hello')).code, 1);
  });
});
