/**
 * The whole way from one TCP socket to another, and how a server bears many sessions.
 *
 * @module
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { startMixnetClient } from '../src/mixnet/node/start.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { NymProxyClient } from '../src/node/proxy-client.js';
import { SessionOpener } from '../src/session/opener.js';
import type { Session } from '../src/session/session.js';
import { roundTripFloorMs } from './limits.js';
import type { BenchNetwork } from './network.js';
import type { Result } from './result.js';
import { BenchServer } from './server.js';
import { spreadOf } from './statistics.js';

const ASK = 200;
const ANSWER = 1000;

/** Sessions of one mixnet client. */
const SESSIONS_PER_CLIENT = 250;

/** Sessions that are opened at once. */
const OPENED_AT_ONCE = 25;

/** Until the pool has a client in reserve again, instead of the one that was taken. */
const REFILLED_MS = 1500;

/** Exchanges that are timed over open sessions, one after the other. */
const TIMED = 15;

/** Time from connecting to the local TCP port to the first byte of the upstream's answer; a client is in reserve. */
export async function measureFirstByte(
  network: BenchNetwork,
  traffic: TrafficProfile,
  runs: number,
): Promise<Result[]> {
  await using upstream = await startUpstream();
  const { env } = network;
  await using server = await BenchServer.start({ kind: 'proxy', env, traffic, upstream: upstream.address });
  await using client = await NymProxyClient.create({
    env,
    serverAddress: server.address,
    listenPort: 0,
    poolSize: 1,
    traffic,
  });
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await new Promise((resolve) => setTimeout(resolve, REFILLED_MS));
    const began = performance.now();
    const socket = connect(client.listenAddress);
    socket.write(new Uint8Array(ASK));
    await once(socket, 'data');
    times.push(performance.now() - began);
    socket.destroy();
  }
  return [
    {
      name: 'first byte of a new TCP connection',
      policy: 'ours',
      traffic,
      unit: 'ms',
      value: spreadOf(times),
      limit: roundTripFloorMs(traffic),
      higherIsBetter: false,
    },
  ];
}

/** A round trip over one of many open sessions with one server, and the server's memory. */
export async function measureSessions(network: BenchNetwork, counts: readonly number[]): Promise<Result[]> {
  await using upstream = await startUpstream();
  const { env, apiUrl } = network;
  const traffic = 'fast';
  await using server = await BenchServer.start({ kind: 'proxy', env, traffic, upstream: upstream.address });
  await using openers = new Openers(apiUrl, server.address);
  const results: Result[] = [];
  let few: number | undefined;
  for (const count of counts) {
    await openers.openUpTo(count);
    const value = spreadOf(await openers.timeSome());
    if (count === 10) few = value.median;
    const { memoryMiB } = await server.usage();
    results.push({
      name: `round trip with ${count} open sessions`,
      policy: 'ours',
      traffic,
      unit: 'ms',
      value,
      limit: few,
      higherIsBetter: false,
      notes: { serverMiB: memoryMiB },
    });
  }
  return results;
}

class Openers implements AsyncDisposable {
  readonly #apiUrl: string;
  readonly #server: string;
  readonly #sessions: Session[] = [];
  readonly #closers: (() => Promise<void>)[] = [];
  #opener: SessionOpener | undefined;

  constructor(apiUrl: string, server: string) {
    this.#apiUrl = apiUrl;
    this.#server = server;
  }

  /** Opens sessions until there are so many, each with an exchange. */
  async openUpTo(count: number): Promise<void> {
    while (this.#sessions.length < count) {
      const opener = await this.#openerWithRoom();
      const room = SESSIONS_PER_CLIENT - (this.#sessions.length % SESSIONS_PER_CLIENT);
      const missing = Math.min(OPENED_AT_ONCE, room, count - this.#sessions.length);
      const opened = Array.from({ length: missing }, () => opener.open(this.#server));
      await Promise.all(opened.map((session) => ask(session)));
      this.#sessions.push(...opened);
    }
  }

  /** Times of exchanges over some of the open sessions, one after the other. */
  async timeSome(): Promise<number[]> {
    const times: number[] = [];
    for (let n = 0; n < TIMED; n += 1) {
      const session = this.#sessions[Math.floor((n * this.#sessions.length) / TIMED)];
      if (session === undefined) continue;
      const began = performance.now();
      await ask(session);
      times.push(performance.now() - began);
    }
    return times;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
  }

  async #openerWithRoom(): Promise<SessionOpener> {
    if (this.#opener && this.#sessions.length % SESSIONS_PER_CLIENT > 0) return this.#opener;
    const network = { name: 'localnet', apiUrl: this.#apiUrl };
    const client = await startMixnetClient({ network, traffic: 'fast' });
    const opener = new SessionOpener(client);
    this.#closers.push(async () => {
      await opener.close();
      await client.close();
    });
    this.#opener = opener;
    return opener;
  }
}

async function ask(session: Session): Promise<void> {
  const writer = session.writable.getWriter();
  const reader = session.readable.getReader();
  await writer.write(new Uint8Array(ASK));
  for (let missing = ANSWER; missing > 0;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the session ended early');
    missing -= value.length;
  }
  reader.releaseLock();
  writer.releaseLock();
}

/** Answers every {@link ASK} bytes with {@link ANSWER} bytes. */
async function startUpstream(): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let asked = 0;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      asked += bytes.length;
      for (; asked >= ASK; asked -= ASK) socket.write(new Uint8Array(ANSWER));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
