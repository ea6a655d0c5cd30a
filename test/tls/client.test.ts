import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { WebSocketServer } from 'ws';

import { NymProxyClient, NymProxyServer, TlsError } from '../../src/node/index.js';
import { issue } from '../support/certificates.js';
import { TestNetwork } from '../support/tunnel.js';

/** The official client has been seen to hang (gateway.md section 10). */
const limit = { timeout: 90_000 };

describe('a client in Node, with TLS to the service itself', { timeout: 120_000 }, () => {
  const closes: (() => unknown)[] = [];
  let client: NymProxyClient;

  before(async () => {
    const root = issue({ name: 'Private Root', ca: true });
    const leaf = issue({ name: 'service', hosts: ['service.example'] }, root);
    const web = createServer({ key: leaf.keyPem, cert: leaf.pem }, (request, response) => {
      response.end(`${request.headers.host ?? ''} has ${request.url ?? ''}`);
    });
    new WebSocketServer({ server: web }).on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    closes.push(() => {
      web.close();
      web.closeAllConnections();
    });
    const net = await TestNetwork.start();
    closes.push(() => net[Symbol.asyncDispose]());
    const { port } = web.address() as AddressInfo;
    const { env } = net;
    const server = await NymProxyServer.create({ env, upstream: `127.0.0.1:${port}`, traffic: 'fast' });
    closes.push(() => server.close());
    void server.run();
    client = await NymProxyClient.create({
      env,
      serverAddress: server.nymAddress,
      clients: 'shared',
      traffic: 'fast',
      tls: { roots: root.pem },
    });
    closes.push(() => client.close());
  }, limit);
  after(async () => {
    for (const close of closes.reverse()) await close();
  }, limit);

  it('fetches, and refuses a server whose certificate is for another host', limit, async () => {
    for (const path of ['/a', '/b']) {
      const response = await client.fetch(`https://service.example${path}`);
      assert.equal(await response.text(), `service.example has ${path}`);
    }
    await assert.rejects(client.fetch('https://other.example/'), (error) => {
      assert.ok(error instanceof TypeError && error.cause instanceof TlsError);
      assert.equal(error.cause.code, 'certificate-name');
      return true;
    });
  });

  it('opens WebSockets and sockets, and tells the protocol that was agreed on', limit, async () => {
    const socket = client.webSocket('wss://service.example/');
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const answer = new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data)));
    socket.send('hello');
    assert.equal(await answer, 'hello');
    socket.close();

    const connection = client.connect({ secureTransport: 'on', sni: 'service.example', alpn: ['http/1.1'] });
    assert.equal((await connection.opened).alpn, 'http/1.1');
    await connection.close();
    await assert.rejects(client.connect({ secureTransport: 'on' }).opened, TlsError);
  });
});
