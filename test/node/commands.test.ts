import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';

import { startLocalnet, type Localnet, type LocalnetOptions } from '../../src/localnet/index.js';
import { startDemoUpstream, type DemoUpstream } from '../../src/demo/upstream.js';
import { parseNymAddress } from '../../src/node/index.js';
import { fetchBody, runFile, type Child } from './child.js';

const IN_TIME = { timeout: 120_000 };
const SERVER = 'src/node/cli/server.js';
const CLIENT = 'src/node/cli/client.js';

interface World {
  readonly localnet: Localnet;
  readonly upstream: DemoUpstream;
  readonly directory: string;
  readonly env: string;
}

async function startWorld(t: TestContext, options: LocalnetOptions = {}): Promise<World> {
  const localnet = await startLocalnet(options);
  t.after(() => localnet.close());
  const upstream = await startDemoUpstream();
  t.after(() => upstream.close());
  const directory = await temporaryDirectory(t);
  const env = join(directory, 'localnet.env');
  await writeFile(env, localnet.envFile());
  return { localnet, upstream, directory, env };
}

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

function runServer(t: TestContext, { upstream, env }: World, ...args: string[]): Child {
  return runFile(t, SERVER, '-u', upstream.address, '-e', env, '--traffic', 'fast', ...args);
}

function runClient(t: TestContext, { env }: World, address: string, ...args: string[]): Child {
  return runFile(
    t,
    CLIENT,
    ...['-s', address, '-e', env, '--listen-port', '0', '--traffic', 'fast', '--client-pool-reserve', '1'],
    ...args,
  );
}

async function addressOf(server: Child): Promise<string> {
  const [, address = ''] = await server.until('stdout', /^(\S+)\n/);
  return address;
}

/** Where the client listens, from its log in JSON. */
async function urlOf(client: Child): Promise<string> {
  const [, host = '', port = ''] = await client.until('stderr', /"host":"([^"]+)","port":(\d+)/);
  return `http://${host}:${port}`;
}

/** What Prometheus reads there; that it can is checked on the way. */
async function metricsOf(child: Child): Promise<string> {
  const [, port = ''] = await child.until('stderr', /"metricsPort":(\d+)/);
  const url = `http://127.0.0.1:${port}`;
  const health = await fetch(`${url}/healthz`);
  assert.equal(health.status, 200);
  assert.equal(((await health.json()) as { status: string }).status, 'ready');
  assert.equal((await fetch(`${url}/else`)).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 405);
  for (const headers of [{ host: 'rebind.example' }, { origin: 'http://evil.example' }])
    for (const path of ['metrics', 'healthz']) {
      const [response] = (await once(get(`${url}/${path}`, { headers }), 'response')) as [IncomingMessage];
      assert.ok([403, 421].includes(response.statusCode ?? 0));
      assert.doesNotMatch((await buffer(response)).toString(), /nym_proxy|ready/);
    }
  return (await fetchBody(`${url}/metrics`)).toString();
}

/** Names and types as Prometheus wants them; its own tool judges too, where it is. */
async function assertNamed(metrics: string): Promise<void> {
  for (const [, name = '', type] of metrics.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.match(metrics, new RegExp(`^# HELP ${name} \\S`, 'm'));
  }
  const promtool = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const complaints = Promise.all([text(promtool.stdout), text(promtool.stderr)]);
  promtool.stdin.on('error', () => undefined).end(metrics);
  const code = await new Promise<number | null>((resolve) => {
    promtool.on('error', () => resolve(null)).on('close', resolve);
  });
  if (code === null) console.log('promtool is not here: its check of the metrics did not run.');
  else assert.deepEqual([code, (await complaints).join('')], [0, '']);
}

async function endWith(signal: NodeJS.Signals, child: Child): Promise<string> {
  child.kill(signal);
  const { code, stderr } = await child.ended;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /Not everything ended/);
  return stderr;
}

/** Checks each line and gives what programs read there. */
function readJsonLog(log: string): Record<string, unknown>[] {
  assert.doesNotMatch(log, /[1-9A-HJ-NP-Za-km-z]{40,}/, 'no key, and so no Nym address');
  assert.doesNotMatch(log, /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}|[0-9a-f]{32}/i, 'no session id');
  assert.match(log, /\n$/);
  return log
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      assert(['info', 'warn', 'error'].includes(String(entry['level'])));
      assert.match(String(entry['time']), /^\d{4}-\d\d-\d\dT.*Z$/);
      assert.equal(typeof entry['msg'], 'string');
      return entry;
    });
}

describe('the server and client commands', IN_TIME, () => {
  it('carry connections, tell no secrets, and end in order at a signal', async (t) => {
    const world = await startWorld(t);
    const server = runServer(t, world, '--ephemeral', '--log-format', 'json');
    const address = await addressOf(server);
    parseNymAddress(address);
    const client = runClient(t, world, address, '--log-format', 'json');
    const url = await urlOf(client);
    for (const child of [client, server]) child.kill('SIGHUP');

    const page = await fetchBody(`${url}/about.html`);
    assert.deepEqual(page, await fetchBody(`http://${world.upstream.address}/about.html`));
    await Promise.all([client, server].map((child) => child.until('stderr', /"event":"end"/)));
    const { hostname, port } = new URL(url);
    const open = connect(Number(port), hostname);
    open.write('GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(open, 'data');
    const reset = new Promise<NodeJS.ErrnoException>((resolve) => open.on('error', resolve));

    const [clientLog, serverLog] = await Promise.all([endWith('SIGINT', client), endWith('SIGTERM', server)]);
    assert.equal((await reset).code, 'ECONNRESET');
    assert.equal(server.written.stdout, `${address}\n`);
    assert.equal(client.written.stdout, '');
    for (const log of [clientLog, serverLog]) {
      const lines = readJsonLog(log);
      const ended = lines.find((line) => line['event'] === 'end');
      assert.equal(ended?.['session'], 1);
      assert(Number(ended['bytesSent']) > 0 && Number(ended['bytesReceived']) > 0);
      assert(lines.some((line) => line['session'] === 2 && 'reason' in line));
    }
    assert(readJsonLog(clientLog).some((line) => Number(line['bytesReceived']) > page.length));
  });

  it('ask for an access token, lead to an upstream by name, and serve their metrics', async (t) => {
    const world = await startWorld(t);
    const tokens = join(world.directory, 'tokens');
    await writeFile(tokens, 'correct-horse-battery alice\n', { mode: 0o600 });
    const metrics = ['--metrics-port', '0', '--log-format', 'json'] as const;
    const server = runFile(
      t,
      SERVER,
      ...['--upstream', `web=${world.upstream.address}`, '--upstream', 'gone=127.0.0.1:1'],
      ...['-e', world.env, '--traffic', 'fast', '--ephemeral', '--tokens-file', tokens, ...metrics],
    );
    const address = await addressOf(server);
    const client = runClient(t, world, address, '--token-file', tokens, '--upstream-name', 'web', ...metrics);
    const page = await fetchBody(`${await urlOf(client)}/about.html`);
    assert.deepEqual(page, await fetchBody(`http://${world.upstream.address}/about.html`));
    await Promise.all([client, server].map((child) => child.until('stderr', /"event":"end"/)));

    const stranger = runClient(t, world, address, '--log-format', 'json');
    await assert.rejects(fetchBody(`${await urlOf(stranger)}/`), { code: 'ECONNRESET' });
    await stranger.until('stderr', /access token is missing or wrong/);
    await server.until('stderr', /"limit":"token"/);

    const [atServer, atClient] = await Promise.all([metricsOf(server), metricsOf(client)]);
    assert.match(atServer, /^nym_proxy_sessions_opened_total 1$/m);
    assert.match(atServer, /^nym_proxy_sessions_ended_total 1$/m);
    assert.match(atServer, /^nym_proxy_refusals_total\{limit="token"\} 1$/m);
    // Every counter is there from the start.
    assert.match(atServer, /^nym_proxy_refusals_total\{limit="idle"\} 0$/m);
    assert.match(atClient, /^nym_proxy_web_page_refusals_total\{status="403"\} 0$/m);
    for (const metrics of [atServer, atClient]) {
      assert.match(metrics, /^nym_proxy_session_resets_total\{reason="gone"\} 0$/m);
      assert.match(metrics, /^nym_proxy_build_info\{version="\d[^"]*",runtime="node [^"]+"\} 1$/m);
      await assertNamed(metrics);
      assert.match(metrics, /^nym_proxy_mixnet_client_ready 1$/m);
      assert.match(metrics, /^nym_proxy_mixnet_packets_sent_total [1-9]\d*$/m);
      const [, down] = /^nym_proxy_bytes_total\{direction="down"\} (\d+)$/m.exec(metrics) ?? [];
      assert.ok(Number(down) > page.length, metrics);
    }
    assert.match(atClient, /^nym_proxy_opening_round_trip_seconds_count 1$/m);
    for (const child of [client, server]) readJsonLog(await endWith('SIGTERM', child));
    assert.doesNotMatch(server.written.stderr + client.written.stderr, /correct-horse|alice/);
  });

  it('read the access tokens again at SIGHUP', async (t) => {
    const world = await startWorld(t);
    const tokens = join(world.directory, 'tokens');
    await writeFile(tokens, 'correct-horse-battery\n', { mode: 0o600 });
    const server = runServer(t, world, '--ephemeral', '--tokens-file', tokens, '--log-format', 'json');
    await addressOf(server);
    await server.until('stderr', /Serving/);
    await writeFile(tokens, 'short\n');
    server.kill('SIGHUP');
    await server.until('stderr', /Line 1 of the tokens file .* Until then nobody is let in/);
    await endWith('SIGTERM', server);
  });

  it('let open connections end at SIGTERM, and take no others', async (t) => {
    const world = await startWorld(t);
    const accessLog = join(world.directory, 'access.log');
    const logFile = join(world.directory, 'log');
    const server = runServer(t, world, '--ephemeral', '--access-log', accessLog, '--log-file', logFile);
    const client = runClient(t, world, await addressOf(server), '--log-format', 'json', '--grace', '30');
    const url = await urlOf(client);
    const { hostname, port } = new URL(url);
    const request = 'GET /about.html HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const open = connect(Number(port), hostname);
    open.write(request);
    await once(open, 'data');
    client.kill('SIGTERM');
    await client.until('stderr', /SIGTERM: ending/);
    // One that the system has taken, and the client has not, is reset.
    await assert.rejects(fetchBody(url), ({ code }: NodeJS.ErrnoException) =>
      ['ECONNREFUSED', 'ECONNRESET'].includes(code ?? ''),
    );
    open.write(request.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
    await once(open.resume(), 'end');
    assert.equal((await client.ended).code, 0);
    assert.match(client.written.stderr, /"event":"end"/);

    await rename(logFile, `${logFile}.1`);
    server.kill('SIGHUP');
    while ((await readFile(logFile, 'utf8').catch(() => undefined)) === undefined)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await endWith('SIGTERM', server), '');
    assert.match(await readFile(`${logFile}.1`, 'utf8'), /Serving/);
    assert.match(await readFile(logFile, 'utf8'), /SIGTERM: ending/);
    const [line = ''] = (await readFile(accessLog, 'utf8')).split('\n');
    const entry = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual([entry['session'], entry['outcome']], [1, 'ok']);
    assert.ok(Number(entry['bytesSent']) > 1000 && Number(entry['durationMs']) > 0);
  });

  it('serve many sessions over one mixnet client, if told so', async (t) => {
    const world = await startWorld(t);
    const server = runServer(t, world, '--ephemeral');
    const address = await addressOf(server);
    const client = runFile(
      t,
      CLIENT,
      ...['-s', address, '-e', world.env, '--listen-port', '0', '--traffic', 'fast'],
      ...['--shared-client', '--log-format', 'json'],
    );
    const url = await urlOf(client);
    const pages = await Promise.all(Array.from({ length: 4 }, () => fetchBody(`${url}/about.html`)));
    for (const page of pages) assert.deepEqual(page, pages[0]);
    assert.equal((await world.localnet.counters()).gateways.registrations, 2);
    await Promise.all([endWith('SIGTERM', client), endWith('SIGTERM', server)]);
  });

  it('log in lines to read, without colours where no terminal is', async (t) => {
    const world = await startWorld(t);
    const server = runServer(t, world, '--ephemeral');
    await addressOf(server);
    await server.until('stderr', /Serving/);
    const log = await endWith('SIGTERM', server);
    assert.match(log, /^(\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] INFO: \P{Cc}+\n){2}$/u);
  });

  it('log as little as is wanted', async (t) => {
    const world = await startWorld(t);
    const server = runServer(t, world, '--ephemeral', '--log-level', 'silent');
    await addressOf(server);
    assert.equal(await endWith('SIGTERM', server), '');
  });

  it('keep the Nym address in the config directory, behind a passphrase', async (t) => {
    const world = await startWorld(t);
    const configDir = join(world.directory, 'server');
    const passphrase = join(world.directory, 'passphrase');
    await writeFile(passphrase, 'correct horse\n', { mode: 0o600 });
    const addresses: string[] = [];
    for (let i = 0; i < 2; i += 1) {
      const server = runServer(t, world, '-c', configDir, '--passphrase-file', passphrase);
      addresses.push(await addressOf(server));
      await endWith('SIGTERM', server);
    }
    assert.equal(addresses[0], addresses[1]);
    const { code, stderr } = await runServer(t, world, '-c', configDir).ended;
    assert.equal(code, 2);
    assert.match(stderr, /^nym-proxy-server: .* encrypted\. Give its passphrase\.\n$/);
  });

  it('end at a signal while they still start', async (t) => {
    const asked = new EventTarget();
    const silent = createServer(() => asked.dispatchEvent(new Event('asked')));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => {
      silent.close();
      silent.closeAllConnections();
    });
    const env = join(await temporaryDirectory(t), 'silent.env');
    await writeFile(env, `NYM_API=http://127.0.0.1:${(silent.address() as AddressInfo).port}/api/\n`);
    const someone = '11111111111111111111111111111111';
    for (const args of [
      [SERVER, '-u', '127.0.0.1:1', '--ephemeral', '-e', env],
      [CLIENT, '-s', `${someone}.${someone}@${someone}`, '--listen-port', '0', '-e', env],
    ]) {
      const waits = once(asked, 'asked');
      const [file = '', ...rest] = args;
      const child = runFile(t, file, ...rest);
      await Promise.race([waits, child.ended]);
      const log = await endWith('SIGTERM', child);
      assert.match(log, /^\[[^\]]+\] INFO: SIGTERM: ending\.\n$/);
      assert.equal(child.written.stdout, '');
    }
  });

  it('end with 1 and one line when an ephemeral server loses its address', { timeout: 30_000 }, async (t) => {
    const world = await startWorld(t, { gateways: 1 });
    const server = runServer(t, world, '--ephemeral', '--log-level', 'error');
    await addressOf(server);
    const [gateway] = world.localnet.gateways;
    assert(gateway);
    await world.localnet.stopNode(gateway.id);
    const { code, stderr } = await server.ended;
    assert.equal(code, 1);
    assert.match(stderr, /^nym-proxy-server: The Nym address is lost .*--ephemeral.*\n$/);
  });
});
