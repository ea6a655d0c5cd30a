/**
 * A stream over which nothing is said any more is reset at both ends, so that nobody keeps it for ever. Does what the Rust
 * example of the idle timeout of nym-sdk does.
 *
 * In a program of your own, import from 'nym-tcp-proxy'.
 *
 * @module
 */
import { SessionError, startStreams, type MixnetStream } from '../src/node/index.js';
import { findNetwork } from './network.js';
import { runExample } from './run-example.js';
import { readStreamOptions, type StreamOptions } from './stream-options.js';

/** Half an hour unless given; here one need not wait so long. */
const IDLE_TIMEOUT_MS = 3000;

async function idleTimeout({ envPath }: StreamOptions, signal: AbortSignal): Promise<void> {
  await using network = await findNetwork(envPath);
  console.log(`network  ${network.name}`);
  const mixnet = { env: network.envPath, traffic: network.traffic, idleTimeoutMs: IDLE_TIMEOUT_MS, signal };

  await using there = await startStreams(mixnet);
  console.log(`there    ${there.address}`);
  await using here = await startStreams(mixnet);
  console.log(`here     ${here.address}\n`);

  const listener = there.listen({ signal });
  const stream = here.openStream(there.address, { initialData: new Uint8Array(5), signal });
  const { value: peer } = await listener.next();
  if (peer === undefined) throw new Error('nothing is listened for any more');
  const { value: bytes } = await peer.readable.getReader().read();
  console.log(`   5 bytes sent, ${bytes?.length ?? 0} arrived; now nobody says anything`);

  const silentSince = performance.now();
  const ends = [endOf(stream, 'here '), endOf(peer, 'there')];
  for (const end of await Promise.all(ends)) console.log(`   ${end}`);
  signal.throwIfAborted();
  console.log(
    `\nBoth ends have let go of it after ${((performance.now() - silentSince) / 1000).toFixed(1)} s.`,
  );
}

/** Says with what code the stream was reset. */
async function endOf(stream: MixnetStream, name: string): Promise<string> {
  try {
    await stream.closed;
  } catch (error) {
    if (error instanceof SessionError) return `${name}  ${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('it was closed instead');
}

process.exitCode = await runExample(readStreamOptions, idleTimeout);
