/**
 * A mebibyte each way between two mixnet clients, over one stream and then over fifty at once, with all hashes compared.
 * Does what the Rust example of throughput over streams of nym-sdk does, in both directions at once.
 *
 * In a program of your own, import from 'nym-tcp-proxy'.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';

import { startStreams, type MixnetStream, type MixnetStreams } from '../src/node/index.js';
import { findNetwork } from './network.js';
import { runExample } from './run-example.js';
import { readThroughputOptions, type ThroughputOptions } from './stream-options.js';

/** How many streams share the bytes. */
const COUNTS = [1, 50];

/** What one end knows of a stream in the end: the hashes of what went and what came, and when the last of it came. */
interface Exchanged {
  readonly sent: string;
  readonly received: string;
  readonly receivedAt: number;
}

async function throughput({ envPath, bytes }: ThroughputOptions, signal: AbortSignal): Promise<void> {
  await using network = await findNetwork(envPath);
  console.log(`network  ${network.name}`);
  const mixnet = { env: network.envPath, traffic: network.traffic, signal };

  // Two clients in one process; in earnest they would be on two machines.
  await using there = await startStreams(mixnet);
  console.log(`there    ${there.address}`);
  await using here = await startStreams(mixnet);
  console.log(`here     ${here.address}`);

  for (const count of COUNTS) await moveOver(count, Math.ceil(bytes / count), here, there, signal);
}

async function moveOver(
  count: number,
  size: number,
  here: MixnetStreams,
  there: MixnetStreams,
  signal: AbortSignal,
): Promise<void> {
  console.log(`\n${count} ${count === 1 ? 'stream' : 'streams at once'}, ${size} bytes each way over each`);
  const began = performance.now();
  const opened = Array.from({ length: count }, async () => {
    const stream = here.openStream(there.address, { signal });
    return { id: stream.id, ours: await exchange(stream, size) };
  });
  const [ours, theirs] = await Promise.all([
    Promise.all(opened),
    exchangeWithEach(there, count, size, signal),
  ]);
  const up: number[] = [];
  const down: number[] = [];
  for (const { id, ours: mine } of ours) {
    const other = await theirs.get(id);
    if (other?.received !== mine.sent || other.sent !== mine.received)
      throw new Error('what came is not what was sent');
    up.push(other.receivedAt);
    down.push(mine.receivedAt);
  }
  console.log(`>> ${rateOf(size * count, Math.max(...up) - began)}`);
  console.log(`<< ${rateOf(size * count, Math.max(...down) - began)}`);
  console.log(`All ${2 * count} hashes are right.`);
}

/** Accepts as many streams, and exchanges bytes over each; by the streams' ids. */
async function exchangeWithEach(
  streams: MixnetStreams,
  count: number,
  size: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Promise<Exchanged>>> {
  const exchanges = new Map<string, Promise<Exchanged>>();
  for await (const stream of streams.listen({ signal })) {
    const exchanged = exchange(stream, size);
    // Whoever awaits it hears of it; until then it is no unhandled rejection.
    exchanged.catch(() => undefined);
    exchanges.set(stream.id, exchanged);
    if (exchanges.size === count) break;
  }
  return exchanges;
}

/** Sends random bytes, and reads at the same time what the other end sends. */
async function exchange(stream: MixnetStream, size: number): Promise<Exchanged> {
  const bytes = randomBytes(size);
  const [{ received, receivedAt }] = await Promise.all([readAll(stream), writeAll(stream, bytes)]);
  await stream.closed;
  return { sent: createHash('sha256').update(bytes).digest('hex'), received, receivedAt };
}

async function readAll({ readable }: MixnetStream): Promise<Omit<Exchanged, 'sent'>> {
  const hash = createHash('sha256');
  for await (const chunk of readable) hash.update(chunk);
  return { received: hash.digest('hex'), receivedAt: performance.now() };
}

async function writeAll({ writable }: MixnetStream, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

function rateOf(bytes: number, ms: number): string {
  return `${bytes} bytes in ${(ms / 1000).toFixed(2)} s, ${(bytes / ms).toFixed(0)} kB/s`;
}

process.exitCode = await runExample(readThroughputOptions, throughput);
