import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { base58 } from '@scure/base';
import { startLocalnet } from '../../src/localnet/index.js';
import type { Localnet } from '../../src/localnet/index.js';
import { listen } from '../../src/localnet/listen.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface SkimmedNodes {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly nodes: {
    readonly pagination: Readonly<Record<string, unknown>>;
    readonly data: readonly Readonly<Record<string, unknown>>[];
  };
}

/** `fetch` does not let anyone choose Host and Origin. */
async function ask(
  url: string,
  method = 'GET',
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers: answered } = response;
        resolve({ status: statusCode, headers: answered, body: Buffer.concat(chunks).toString() });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

describe('the directory of a localnet', { timeout: 60_000 }, () => {
  let localnet: Localnet;
  let base: string;

  before(async () => {
    localnet = await startLocalnet({ gateways: 2, mixNodesPerLayer: 2 });
    base = localnet.controlUrl;
  });
  after(() => localnet.close());

  const json = async (path: string) => {
    const { status, headers, body } = await ask(base + path);
    assert.equal(status, 200, path);
    assert.equal(headers['content-type'], 'application/json');
    return JSON.parse(body) as unknown;
  };
  const skimmed = async (path: string) =>
    (await json(`/v2/unstable/nym-nodes/skimmed${path}`)) as SkimmedNodes;

  it('lists gateways as clients expect them', async () => {
    const { nodes } = await skimmed('/entry-gateways?page=0');
    assert.deepEqual(nodes.pagination, { total: 2, page: 0, size: 2 });
    assert.deepEqual(
      nodes.data,
      localnet.gateways.map((gateway) => ({
        node_id: gateway.id,
        ed25519_identity_pubkey: gateway.identity,
        ip_addresses: ['127.0.0.1'],
        mix_port: gateway.mixPort,
        x25519_sphinx_pubkey: gateway.sphinxKey,
        role: 'EntryGateway',
        supported_roles: { mixnode: false, entry: true, exit_nr: false, exit_ipr: false },
        entry: { hostname: null, ws_port: gateway.wsPort, wss_port: null },
        performance: '1',
      })),
    );
  });

  it('lists mix nodes with their layers, all nodes with keys and addresses of their own', async () => {
    const mixNodes = (await skimmed('/mixnodes/active?page=0')).nodes.data;
    assert.deepEqual(
      mixNodes.map(({ role }) => role),
      [1, 1, 2, 2, 3, 3].map((layer) => ({ Mixnode: { layer } })),
    );
    assert(mixNodes.every(({ entry, performance }) => entry === null && performance === '1'));
    const all = (await skimmed('?page=0')).nodes.data;
    assert.equal(all.length, 8);
    for (const field of ['node_id', 'mix_port', 'ed25519_identity_pubkey', 'x25519_sphinx_pubkey']) {
      assert.equal(new Set(all.map((node) => node[field])).size, 8, field);
    }
    for (const { ed25519_identity_pubkey: identity, x25519_sphinx_pubkey: sphinx } of all) {
      assert.equal(base58.decode(String(identity)).length, 32);
      assert.equal(base58.decode(String(sphinx)).length, 32);
    }
  });

  it('puts each node into its set', async () => {
    const idsOf = (layer: number) =>
      localnet.nodes.flatMap((node) => (node.kind === 'mix' && node.layer === layer ? node.id : []));
    assert.deepEqual(await json('/v1/nym-nodes/rewarded-set'), {
      epoch_id: 1,
      entry_gateways: localnet.gateways.map(({ id }) => id),
      exit_gateways: [],
      layer1: idsOf(1),
      layer2: idsOf(2),
      layer3: idsOf(3),
      standby: [],
    });
  });

  it('has one epoch that lasts, the same in all lists', async () => {
    const info = (await json('/v1/epoch/key-rotation-info')) as Readonly<Record<string, unknown>>;
    assert.deepEqual(info['key_rotation_state'], { validity_epochs: 1000, initial_epoch_id: 0 });
    assert.deepEqual(info['epoch_duration'], { secs: 315_360_000, nanos: 0 });
    assert(Math.abs(Date.parse(String(info['current_epoch_start'])) - Date.now()) < 60_000);
    const lists = await Promise.all(['', '/entry-gateways', '/mixnodes/active'].map(skimmed));
    for (const { metadata } of lists) {
      assert.deepEqual(metadata, lists[0]?.metadata);
      assert.equal(metadata['absolute_epoch_id'], info['current_absolute_epoch_id']);
      assert.equal(metadata['rotation_id'], 1);
    }
  });

  it('says the same in bincode to those who ask for it', async () => {
    const binary = async (path: string) => {
      const response = await fetch(`${base}${path}`);
      assert.equal(response.headers.get('content-type'), 'application/bincode');
      return new Uint8Array(await response.arrayBuffer());
    };
    const port = (value: number) => [251, value & 0xff, value >> 8];
    const text = (value: string) => [value.length, ...Buffer.from(value)];
    const ids = localnet.nodes.filter(({ kind }) => kind === 'mix').map(({ id }) => id);
    const gateways = localnet.gateways;
    assert.deepEqual(
      [...(await binary('/api/v1/nym-nodes/rewarded-set?output=bincode'))],
      // Epoch, then six lists: each its length and its members.
      [
        1,
        2,
        ...gateways.map(({ id }) => id),
        0,
        2,
        ...ids.slice(0, 2),
        2,
        ...ids.slice(2, 4),
        2,
        ...ids.slice(4),
        0,
      ],
    );

    const { metadata } = await skimmed('/entry-gateways');
    assert.deepEqual(
      [...(await binary('/v2/unstable/nym-nodes/skimmed/entry-gateways?page=0&output=bincode'))],
      [
        ...[0, 1, 1, ...text(String(metadata['refreshed_at']))],
        ...[2, 0, 2, 2],
        ...gateways.flatMap((gateway) => [
          gateway.id,
          ...text(gateway.identity),
          ...[1, 0, 127, 0, 0, 1],
          ...port(gateway.mixPort),
          ...text(gateway.sphinxKey),
          1,
          ...[0, 1, 0, 0],
          ...[1, 0, ...port(gateway.wsPort), 0],
          ...text('1'),
        ]),
      ],
    );

    const info = await fetch(`${base}/v1/epoch/key-rotation-info?output=bincode`);
    assert.equal(info.headers.get('content-type'), 'application/json', 'the real one has it in JSON only');
  });

  it('says the same with and without /api in front', async () => {
    assert.equal(localnet.apiUrl, `${base}/api/`);
    const path = 'v1/nym-nodes/rewarded-set';
    assert.equal((await ask(localnet.apiUrl + path)).body, (await ask(`${base}/${path}`)).body);
  });

  it('lets pages of any origin read it', async () => {
    const path = `${base}/api/v1/nym-nodes/rewarded-set`;
    const preflight = await ask(path, 'OPTIONS', {
      origin: 'https://example.org',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'content-type',
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], '*');
    assert.match(String(preflight.headers['access-control-allow-methods']), /GET/);
    assert.equal(preflight.headers['access-control-allow-headers'], 'accept, content-type, user-agent');
    const answer = await ask(path, 'GET', { origin: 'https://example.org' });
    assert.equal(answer.headers['access-control-allow-origin'], '*');
  });

  it('answers what it does not have with 404 in JSON', async () => {
    for (const path of ['/', '/api/', '/v1/no-such-thing', '/localnet/nothing']) {
      const { status, body } = await ask(base + path);
      assert.equal(status, 404, path);
      assert.equal(typeof (JSON.parse(body) as { message: unknown }).message, 'string');
    }
    assert.equal((await ask(`${base}/v1/nym-nodes/rewarded-set`, 'POST')).status, 405);
  });
});

describe('the control of a localnet over HTTP', { timeout: 60_000 }, () => {
  let localnet: Localnet;
  before(async () => {
    localnet = await startLocalnet({ gateways: 1, mixNodesPerLayer: 1 });
  });
  after(() => localnet.close());

  const get = async (path: string) =>
    JSON.parse((await ask(`${localnet.controlUrl}${path}`)).body) as unknown;
  const post = (path: string, body = '', headers: Record<string, string> = {}) =>
    ask(`${localnet.controlUrl}${path}`, 'POST', headers, body);

  it('shows the counters, to any page', async () => {
    const { headers, body } = await ask(`${localnet.controlUrl}/localnet/counters`);
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.deepEqual(JSON.parse(body), JSON.parse(JSON.stringify(await localnet.counters())));
  });

  it('stops and starts one node', async () => {
    const runningOf = async () => {
      const nodes = (await get('/localnet/nodes')) as { id: number; running: boolean }[];
      return Object.fromEntries(nodes.map(({ id, running }) => [id, running]));
    };
    assert.deepEqual(await runningOf(), { 1: true, 2: true, 3: true, 4: true });
    assert.equal((await post('/localnet/nodes/2/stop')).body, '{"id":2,"running":false}');
    assert.deepEqual(await runningOf(), { 1: true, 2: false, 3: true, 4: true });
    assert.equal((await post('/localnet/nodes/2/start')).body, '{"id":2,"running":true}');
    assert.deepEqual(await runningOf(), { 1: true, 2: true, 3: true, 4: true });
  });

  it('stops and starts the directory, which hangs up meanwhile', async () => {
    const path = `${localnet.apiUrl}v1/nym-nodes/rewarded-set`;
    const before = await ask(path);
    assert.equal((await post('/localnet/directory/stop')).body, '{"running":false}');
    await assert.rejects(ask(path), { code: 'ECONNRESET' });
    await assert.rejects(ask(path, 'OPTIONS'), { code: 'ECONNRESET' });
    assert.equal((await post('/localnet/directory/start')).body, '{"running":true}');
    assert.equal((await ask(path)).body, before.body);
    localnet.stopDirectory();
    await assert.rejects(ask(path), { code: 'ECONNRESET' });
    localnet.startDirectory();
    assert.equal((await ask(path)).status, 200);
    assert.equal((await post('/localnet/directory/melt')).status, 404);
  });

  it('sets faults', async () => {
    const { status, body } = await post('/localnet/faults', '{"loss":0.5,"extraDelayMs":20}');
    assert.equal(status, 200);
    assert.equal(body, '{"faults":{"loss":0.5,"extraDelayMs":20}}');
  });

  it('says what is wrong with a request', async () => {
    const wrong: [number, string, string][] = [
      [400, '/localnet/faults', ''],
      [400, '/localnet/faults', '[]'],
      [400, '/localnet/faults', '{"loss":2}'],
      [400, '/localnet/faults', '{"loss":"0.5"}'],
      [400, '/localnet/faults', '{"los":0.5}'],
      [400, '/localnet/faults', ' '.repeat(5000)],
      [404, '/localnet/nodes/77/stop', ''],
      [404, '/localnet/nodes/2/melt', ''],
      [404, '/localnet/nodes/-1/stop', ''],
    ];
    for (const [status, path, body] of wrong) {
      const answer = await post(path, body);
      assert.equal(answer.status, status, `${path} ${body}`);
      assert.equal(typeof (JSON.parse(answer.body) as { message: unknown }).message, 'string');
    }
  });

  it('obeys pages of this machine, and no others', async () => {
    const faults = (headers: Record<string, string>) => post('/localnet/faults', '{}', headers);
    for (const origin of ['http://localhost:5173', 'http://127.0.0.1:8070', 'http://[::1]:80']) {
      assert.equal((await faults({ origin })).status, 200, origin);
    }
    for (const origin of ['https://example.org', 'null', 'http://localhost.example.org', 'http://10.0.0.1']) {
      assert.equal((await faults({ origin })).status, 403, origin);
    }
    // A page whose own domain was made to point here.
    assert.equal((await faults({ host: 'example.org' })).status, 403);
  });
});

describe('a localnet', { timeout: 60_000 }, () => {
  it('says which directory port is in use, and leaves nothing running', async (t) => {
    const taken = createServer();
    await listen(taken, '127.0.0.1', 0, 'a test');
    t.after(() => taken.close());
    const address = taken.address();
    assert(typeof address === 'object' && address !== null);
    await assert.rejects(startLocalnet({ port: address.port }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'port-in-use');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${address.port}, the directory, is in use`));
      return true;
    });
  });

  it('says which option is wrong', async () => {
    const wrong = [
      { gateways: 0 },
      { gateways: 1.5 },
      { mixNodesPerLayer: 101 },
      { port: 65536 },
      { host: 'localhost' },
      { host: '0.0.0.0' },
      { threads: 0 },
      { faults: { loss: 2 } },
    ];
    for (const options of wrong) {
      const [name = ''] = Object.keys(options.faults ?? options);
      await assert.rejects(startLocalnet(options), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'bad-option');
        assert.match(error.message, new RegExp(name));
        return true;
      });
    }
  });
});
