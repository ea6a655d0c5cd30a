import assert from 'node:assert/strict';

import type { UpstreamConnection } from '../../src/proxy/join.js';
import { SessionServer } from '../../src/proxy/server.js';
import { parseAccessToken } from '../../src/session/access-proof.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { WireError } from '../../src/wire/errors.js';
import { decodeFrames } from '../../src/wire/frame.js';
import { formatNymAddress, parseNymAddress } from '../../src/wire/nym-address.js';
import { decodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { LaneRecordReader } from '../../src/wire/lane-record.js';
import { MemoryMixnet, type MemoryClient } from '../support/memory-mixnet.js';
import { FUZZ_TOKEN, mutate, proxyIds, retiringMessage, laneRecords, validMessage } from './messages.js';
import { Random } from './random.js';

/** What a run came to. */
export interface FuzzReport {
  readonly inputs: number;
  /** Of the inputs, those that were whole messages. */
  readonly decoded: number;
  readonly sessionsOpened: number;
  readonly resets: number;
  readonly refusals: number;
  /** The most entries that the server kept of sessions and strangers. */
  readonly mostRemembered: number;
  /** Bytes that the healthy session beside it all carried, there and back. */
  readonly healthyBytes: number;
}

const MAX_SESSIONS = 64;

/** Every list of the server at its end: sessions five times, ended, refused, two of senders, proofs. */
const MOST_REMEMBERED = 5 * MAX_SESSIONS + 10_000 + 4096 + 2 * 4096 + 65_536;

const BATCH = 500;

const NAMES = ['', 'alice', 'bob', 'carol', 'dave'] as const;

/**
 * Feeds mutated messages to every decoder, to a server's message entry and to an opener, and checks that nothing but a
 * WireError ever comes out, that what the server keeps stays bounded, and that a healthy session beside it carries its
 * bytes unharmed.
 */
export async function fuzz(inputs: number, seed: number): Promise<FuzzReport> {
  const random = new Random(seed);
  const ids = proxyIds(random);
  await using world = new FuzzWorld();
  let decoded = 0;
  let mostRemembered = 0;
  for (let n = 0; n < inputs; n += 1) {
    const retiring = retiringMessage(ids);
    const bytes = retiring ?? mutate(random, validMessage(random, ids));
    const senderTag = retiring ? 'alice' : NAMES[random.below(NAMES.length)] || undefined;
    if (decodes(bytes)) decoded += 1;
    fuzzAddress(random);
    fuzzLanes(random);
    world.server.arrive({ payload: bytes, senderTag }, 1);
    if (random.chance(0.1)) world.client.arrive({ payload: bytes, senderTag: undefined }, 0);
    if (n % BATCH !== 0) continue;
    await world.assertHealthy(random.bytes(100));
    mostRemembered = Math.max(mostRemembered, world.proxy.remembered);
    assert.ok(mostRemembered <= MOST_REMEMBERED, `${mostRemembered} entries are kept`);
    assert.ok(world.proxy.counts.sessionsOpen <= MAX_SESSIONS);
  }
  const { counts } = world.proxy;
  const sum = (all: ReadonlyMap<string, number>) => [...all.values()].reduce((total, one) => total + one, 0);
  return {
    inputs,
    decoded,
    sessionsOpened: counts.sessionsOpened,
    resets: sum(counts.resets),
    refusals: sum(counts.refusals),
    mostRemembered,
    healthyBytes: world.healthyBytes,
  };
}

/** A server that asks for a token, an opener that has it, and a session between them. */
class FuzzWorld implements AsyncDisposable {
  readonly server: MemoryClient;
  readonly client: MemoryClient;
  readonly proxy: SessionServer;
  healthyBytes = 0;
  readonly #mixnet = new MemoryMixnet();
  readonly #stop = new AbortController();
  readonly #served: Promise<void>;
  readonly #opener: SessionOpener;
  readonly #session: Session;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor() {
    this.#mixnet.fate = () => [0];
    this.server = this.#mixnet.client('server');
    this.client = this.#mixnet.client('client');
    this.proxy = new SessionServer({
      connectUpstream: () => Promise.resolve(echo()),
      hasUpstream: (name) => name === undefined || name === 'web',
      tokens: () => TOKENS,
      limits: { maxSessions: MAX_SESSIONS, maxSessionsPerSender: 0, sessionRate: 0, sessionRatePerSender: 0 },
    });
    this.#served = this.proxy.serve(this.server, this.#stop.signal);
    const wants = { token: parseAccessToken(FUZZ_TOKEN), upstream: 'web' };
    this.#opener = new SessionOpener(this.client, { wants });
    this.#session = this.#opener.open('server');
    this.#reader = this.#session.readable.getReader();
    this.#writer = this.#session.writable.getWriter();
  }

  /** Sends bytes to the echo and compares what comes back. */
  async assertHealthy(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes);
    const chunks: Uint8Array[] = [];
    for (let got = 0; got < bytes.length; got = chunks.reduce((sum, { length }) => sum + length, 0)) {
      const { value } = await this.#reader.read();
      assert.ok(value, 'the healthy session ended');
      chunks.push(value);
    }
    assert.deepEqual(new Uint8Array(Buffer.concat(chunks)), bytes);
    this.healthyBytes += 2 * bytes.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opener.close();
    this.#stop.abort();
    await this.#served;
    await this.proxy.close();
    this.#mixnet.close();
  }
}

const TOKENS = [FUZZ_TOKEN];

function echo(): UpstreamConnection {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  return { readable, writable, failure: undefined, fail: () => Promise.resolve(), reset: () => undefined };
}

/** Whether these bytes are a message; anything but a WireError comes out. */
function decodes(bytes: Uint8Array): boolean {
  onlyWireErrors(() => decodeFrames(bytes));
  return onlyWireErrors(() => {
    const message = decodeProxiedMessage(bytes);
    if (message.kind === 'frames') onlyWireErrors(() => decodeFrames(message.body));
  });
}

/** A lane's stream, in pieces. */
function fuzzLanes(random: Random): void {
  if (!random.chance(0.1)) return;
  const bytes = mutate(random, laneRecords(random));
  const cut = random.below(bytes.length + 1);
  const reader = new LaneRecordReader();
  onlyWireErrors(() => [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))]);
}

function fuzzAddress(random: Random): void {
  if (!random.chance(0.02)) return;
  const key = () => random.bytes(32);
  const text = formatNymAddress({ identity: key(), encryption: key(), gateway: key() });
  const changed = String.fromCharCode(...mutate(random, new TextEncoder().encode(text)));
  onlyWireErrors(() => parseNymAddress(changed));
}

function onlyWireErrors(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}
