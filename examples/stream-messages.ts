/**
 * Reading and writing over a stream: whole messages each way, one after the other, and its end. Does what the Rust example of reading and writing a stream of nym-sdk does.
 *
 * In a program of your own, import from 'nym-tcp-proxy'.
 *
 * @module
 */
import { startStreams, type MixnetStreams } from '../src/node/index.js';
import { findNetwork } from './network.js';
import { runExample } from './run-example.js';
import { readStreamOptions, type StreamOptions } from './stream-options.js';

const SAYINGS = ['hello', 'how is the weather there?', 'goodbye'];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function messages({ envPath }: StreamOptions, signal: AbortSignal): Promise<void> {
  await using network = await findNetwork(envPath);
  console.log(`network  ${network.name}`);
  const mixnet = { env: network.envPath, traffic: network.traffic, signal };

  await using there = await startStreams(mixnet);
  console.log(`there    ${there.address}`);
  await using here = await startStreams(mixnet);
  console.log(`here     ${here.address}\n`);

  const answering = answerOne(there, signal);
  // Whoever awaits it hears of it; until then it is no unhandled rejection.
  answering.catch(() => undefined);
  const stream = here.openStream(there.address, { signal });
  const conversation = stream.messages();
  for (const saying of SAYINGS) {
    console.log(`>> ${saying}`);
    const askedAt = performance.now();
    await conversation.send(encoder.encode(saying));
    const answer = await conversation.receive();
    if (answer === undefined) throw new Error('the other end said nothing more');
    console.log(`<< ${decoder.decode(answer)} (after ${(performance.now() - askedAt).toFixed(0)} ms)`);
  }
  await stream.close();
  await answering;
  console.log('\nBoth ends have closed the stream.');
}

/** Takes one stream and answers each of its messages until it ends. */
async function answerOne(streams: MixnetStreams, signal: AbortSignal): Promise<void> {
  for await (const stream of streams.listen({ signal })) {
    const conversation = stream.messages();
    for await (const message of conversation)
      await conversation.send(encoder.encode(`you said "${decoder.decode(message)}"`));
    await stream.close();
    return;
  }
}

process.exitCode = await runExample(readStreamOptions, messages);
