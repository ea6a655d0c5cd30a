import assert from 'node:assert/strict';

import { SessionError } from '../../src/session/errors.js';
import { LengthDelimited } from '../../src/streams/length-delimited.js';
import type { MixnetStream } from '../../src/streams/mixnet-stream.js';
import { WireError } from '../../src/wire/errors.js';
import { decodeStreamFrame } from '../../src/wire/stream-frame.js';
import { StreamWorld, type StreamEnd } from '../support/stream-world.js';
import { mutate, retiringStreamFrame, streamIds, validStreamFrame } from './messages.js';
import { Random } from './random.js';

/** What a run came to. */
export interface StreamFuzzReport {
  readonly inputs: number;
  /** Of the inputs, those that were messages of streams. */
  readonly decoded: number;
  /** Streams that were accepted of the mutated messages. */
  readonly opened: number;
  /** The most entries that were kept of streams and strangers. */
  readonly mostRemembered: number;
  readonly healthyBytes: number;
}

const MAX_INCOMING = 64;

/** Every list: streams, ended, refused, early, senders. */
const MOST_REMEMBERED = MAX_INCOMING + 10_000 + 4096 + 1024 + 4096;

const BATCH = 500;

const LONGEST_MESSAGE = 50;

const NAMES = ['', 'alice', 'bob', 'carol', 'dave'] as const;

/**
 * Feeds mutated messages to the decoder of streams, to an end that listens and echoes, and to one that opens, and checks
 * that nothing but a WireError ever comes out, that what is kept stays bounded, and that a healthy stream between the two
 * carries its messages unharmed. What comes over the other streams is read as messages, too.
 */
export async function fuzzStreams(inputs: number, seed: number): Promise<StreamFuzzReport> {
  const random = new Random(seed);
  const ids = streamIds(random);
  await using world = new StreamWorld();
  world.mixnet.fate = () => [0];
  const [server, client] = [world.end({ maxIncoming: MAX_INCOMING }), world.end()];
  let opened = 0;
  void serve(server, () => (opened += 1));
  const healthy = client.streams.openStream(server.address).messages();
  let [decoded, mostRemembered, healthyBytes] = [0, 0, 0];
  for (let n = 0; n < inputs; n += 1) {
    const retiring = retiringStreamFrame(ids);
    const bytes = retiring ?? mutate(random, validStreamFrame(random, ids));
    const senderTag = retiring ? 'alice' : NAMES[random.below(NAMES.length)] || undefined;
    if (isStreamFrame(bytes)) decoded += 1;
    server.client.arrive({ payload: bytes, senderTag }, 1);
    if (random.chance(0.1)) client.client.arrive({ payload: bytes, senderTag: undefined }, 0);
    fuzzMessages(random);
    if (n % BATCH !== 0) continue;
    const sent = random.bytes(LONGEST_MESSAGE);
    await healthy.send(sent);
    assert.deepEqual(await healthy.receive(), sent);
    healthyBytes += 2 * sent.length;
    mostRemembered = Math.max(mostRemembered, server.streams.remembered);
    assert.ok(mostRemembered <= MOST_REMEMBERED, `${mostRemembered} entries are kept`);
    assert.ok(server.streams.size <= MAX_INCOMING);
  }
  return { inputs, decoded, opened, mostRemembered, healthyBytes };
}

async function serve({ streams }: StreamEnd, onStream: () => void): Promise<void> {
  for await (const stream of streams.listen()) {
    onStream();
    void echo(stream);
  }
}

/** Only a SessionError may come out. */
async function echo(stream: MixnetStream): Promise<void> {
  const messages = stream.messages({ maxBytes: LONGEST_MESSAGE });
  try {
    for await (const message of messages) await messages.send(message);
    await stream.close();
  } catch (error) {
    assert.ok(error instanceof SessionError);
  }
}

function isStreamFrame(bytes: Uint8Array): boolean {
  try {
    decodeStreamFrame(bytes);
    return true;
  } catch (error) {
    assert.ok(error instanceof WireError);
    return false;
  }
}

function fuzzMessages(random: Random): void {
  const parser = new LengthDelimited(LONGEST_MESSAGE);
  const stream = Uint8Array.of(0, 0, 0, random.below(LONGEST_MESSAGE), ...random.bytes(random.below(60)));
  try {
    for (const message of parser.push(mutate(random, stream))) assert.ok(message.length <= LONGEST_MESSAGE);
  } catch (error) {
    assert.ok(error instanceof SessionError && error.code === 'limit');
  }
}
