import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';

import { drawGateways, type GatewayChoice } from '../../src/mixnet/gateways.js';
import type { Network } from '../../src/mixnet/network.js';

const ENTRY = { hostname: null, ws_port: 9000, wss_port: null };
const TLS_ENTRY = { hostname: 'gateway.example', ws_port: 9000, wss_port: 9001 };

function gateway(identity: string, changes: object = {}): object {
  return {
    ed25519_identity_pubkey: identity,
    ip_addresses: ['127.0.0.1'],
    performance: '1',
    entry: ENTRY,
    ...changes,
  };
}

/** The gateway that would be tried first. */
async function chooseGateway(network: Network, choice?: GatewayChoice): Promise<string | undefined> {
  const [first] = await drawGateways(network, choice);
  return first;
}

describe('the choice of a gateway', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
  });

  async function serve(listener: RequestListener): Promise<Network> {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { name: 'test', apiUrl: `http://127.0.0.1:${port}/api` };
  }

  /** A directory that lists these gateways, `pageSize` of them per answer. */
  function directory(gateways: readonly object[], pageSize = 100): Promise<Network> {
    return serve((request, response) => {
      const url = new URL(request.url ?? '', 'http://directory');
      assert.equal(url.pathname, '/api/v2/unstable/nym-nodes/skimmed/entry-gateways');
      const page = Number(url.searchParams.get('page'));
      const data = gateways.slice(page * pageSize, (page + 1) * pageSize);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ nodes: { pagination: { total: gateways.length, page }, data } }));
    });
  }

  it('draws from every usable gateway of every page', async () => {
    const identities = ['a', 'b', 'c', 'd', 'e'];
    const network = await directory(
      identities.map((identity) => gateway(identity)),
      2,
    );
    const drawn = new Set<string>();
    // Leaving one of five out in 200 draws has a probability below 1e-18.
    for (let i = 0; i < 200; i += 1) drawn.add((await chooseGateway(network)) ?? 'none');
    assert.deepEqual([...drawn].sort(), identities);
  });

  it('has all of them tried before it gives up, each once', async () => {
    const identities = ['a', 'b', 'c', 'd', 'e'];
    const network = await directory(identities.map((identity) => gateway(identity)));
    assert.deepEqual([...(await drawGateways(network))].sort(), identities);
    assert.deepEqual(await drawGateways(network, { wanted: 'c' }), ['c']);
  });

  it('draws none that performs badly, accepts no clients or cannot be read', async () => {
    const network = await directory([
      gateway('slow', { performance: '0.499' }),
      gateway('unmeasured', { performance: 'n/a' }),
      gateway('no entry', { entry: null }),
      gateway('no address', { ip_addresses: [] }),
      gateway('port of text', { entry: { ...ENTRY, ws_port: '9000' } }),
      { nothing: true },
      [],
      gateway('good', { performance: '0.5' }),
    ]);
    for (let i = 0; i < 20; i += 1) assert.equal(await chooseGateway(network), 'good');
  });

  it('draws only gateways with TLS where nothing else is allowed', async () => {
    const network = await directory([gateway('plain'), gateway('tls', { entry: TLS_ENTRY })]);
    for (let i = 0; i < 20; i += 1) assert.equal(await chooseGateway(network, { wssOnly: true }), 'tls');
    await assert.rejects(chooseGateway(network, { wanted: 'plain', wssOnly: true }), { code: 'gateway' });
  });

  it('takes the wanted gateway, if it is usable', async () => {
    const network = await directory([gateway('a'), gateway('b'), gateway('slow', { performance: '0.1' })]);
    assert.equal(await chooseGateway(network, { wanted: 'b' }), 'b');
    await assert.rejects(chooseGateway(network, { wanted: 'c' }), /gateway c .*does not know it/);
    await assert.rejects(chooseGateway(network, { wanted: 'slow' }), /performance is 0.1/);
  });

  it('says so when no gateway is usable', async () => {
    const network = await directory([gateway('slow', { performance: '0' })]);
    await assert.rejects(chooseGateway(network), { name: 'MixnetClientError', code: 'network' });
  });

  it('ends with a directory that always announces more than it lists', async () => {
    const network = await serve((_, response) => {
      response.end(JSON.stringify({ nodes: { pagination: { total: 1e9 }, data: [gateway('a')] } }));
    });
    assert.equal(await chooseGateway(network), 'a');
  });

  for (const [what, body] of [
    ['something that is not JSON', '<html>'],
    ['an empty body', ''],
    ['JSON of another kind', '{"nodes":{"data":7}}'],
    ['null', 'null'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const network = await serve((_, response) => response.end(body));
      await assert.rejects(chooseGateway(network), { name: 'MixnetClientError', code: 'network' });
    });
  }

  it('refuses an answer without end', async () => {
    const network = await serve((_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    await assert.rejects(chooseGateway(network), /more than \d+ bytes/);
  });

  it('names the directory that is down, and why', async () => {
    const network = await serve(() => undefined);
    server?.close();
    await assert.rejects(chooseGateway(network), (error: Error) => {
      assert.ok(error.message.includes(network.apiUrl));
      assert.match(error.message, /ECONNREFUSED/);
      return true;
    });
  });

  it('ends when its signal aborts', async () => {
    const control = new AbortController();
    const reason = new Error('changed my mind');
    const network = await serve(() => control.abort(reason));
    await assert.rejects(chooseGateway(network, { signal: control.signal }), reason);
  });
});
