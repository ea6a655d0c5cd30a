/**
 * A model of two ends whose mixnet loses, repeats and reorders, whose clients die, whose machines sleep and whose server
 * is restarted: schedules drawn from a seed, and what must be true of each one's end.
 *
 * @module
 */
import assert from 'node:assert/strict';

import type { Envelope } from '../../src/session/envelope.js';
import { PROXY_ENVELOPE } from '../../src/session/proxy-envelope.js';
import { STREAM_ENVELOPE } from '../../src/session/stream-envelope.js';
import {
  simulate,
  type Aftermath,
  type Application,
  type End,
  type Fate,
  type Fault,
} from '../support/session-world.js';

/** One drawn schedule. */
export interface Schedule {
  readonly opener: Application;
  readonly acceptor: Application;
  readonly weather: Weather;
  readonly faults: readonly Fault[];
  readonly startWithFrames: boolean;
  readonly envelope: Envelope;
}

/** What the mixnet does to messages; which ones, the seed decides. */
export interface Weather {
  readonly seed: number;
  /** Odds that a message is lost that no client held, as the mixnet itself never does. */
  readonly loss: number;
  /** Odds that a message comes twice. */
  readonly repeats: number;
  /** The longest that a message is on its way, in ms. */
  readonly slowest: number;
}

/** Numbers that depend on the seed only. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  /** From 0 up to 1 (mulberry32). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  upTo(most: number): number {
    return Math.floor(this.roll() * (most + 1));
  }

  chance(odds: number): boolean {
    return this.roll() < odds;
  }

  list<T>(length: number, item: () => T): T[] {
    return Array.from({ length }, item);
  }
}

/** Every byte tells where it belongs. */
const STREAM = Uint8Array.from(
  { length: 2_000_000 },
  (_, n) => (n * 31 + (n >> 8) * 17 + (n >> 16) * 7) & 0xff,
);

const VARIANTS = 4;

/**
 * What comes from the server's upstream: the same stream each time, save that every byte tells after how many restarts
 * of the server it was said.
 */
const DOWN = Array.from({ length: VARIANTS }, (_, restarts) => STREAM.map((byte) => byte ^ (restarts << 6)));

const total = (application: Application) => application.writes.reduce((sum, bytes) => sum + bytes.length, 0);

/** The schedule of a seed; seeds that follow each other draw ones that have nothing in common. */
export function drawSchedule(seed: number): Schedule {
  const dice = new Dice(Math.imul(seed, 0x85ebca6b));
  return {
    opener: drawApplication(dice),
    acceptor: drawApplication(dice),
    weather: {
      seed,
      loss: dice.chance(0.4) ? dice.roll() * 0.3 : 0,
      repeats: dice.chance(0.5) ? dice.roll() * 0.3 : 0,
      slowest: dice.chance(0.2) ? 6000 : 400,
    },
    faults: dice.list(dice.upTo(3), () => drawFault(dice)),
    startWithFrames: dice.chance(0.3),
    envelope: dice.chance(0.25) ? STREAM_ENVELOPE : PROXY_ENVELOPE,
  };
}

function fateOf({ seed, loss, repeats, slowest }: Weather, direction: 'up' | 'down', index: number): Fate {
  const dice = new Dice(
    Math.imul(seed, 0xc2b2ae35) ^ Math.imul(2 * index + (direction === 'up' ? 0 : 1), 0x27d4eb2f),
  );
  if (dice.chance(loss)) return [];
  const delay = () => 20 + dice.upTo(slowest);
  return dice.chance(repeats) ? [delay(), delay()] : [delay()];
}

function drawApplication(dice: Dice): Application {
  const most = dice.chance(0.02) ? 120_000 : dice.chance(0.2) ? 8000 : 600;
  let at = 0;
  const writes = dice.list(dice.upTo(4), () => {
    const length = dice.upTo(most);
    at += length;
    return STREAM.subarray(at - length, at);
  });
  return {
    writes,
    writeEveryMs: dice.chance(0.3) ? dice.upTo(20_000) : dice.upTo(300),
    readEveryMs: dice.upTo(100),
    ...(dice.chance(0.1) && { readFromMs: dice.upTo(100_000) }),
    ...(dice.chance(0.03) && { resetAtMs: dice.upTo(40_000) }),
  };
}

function drawFault(dice: Dice): Fault {
  const end = dice.chance(0.5) ? 'opener' : 'acceptor';
  const at = dice.upTo(dice.chance(0.5) ? 3000 : 60_000);
  if (dice.chance(0.15))
    return { kind: 'sleep', end, at, forMs: dice.upTo(dice.chance(0.3) ? 600_000 : 40_000) };
  if (dice.chance(0.15)) {
    const absentMs = dice.upTo(dice.chance(0.1) ? 150_000 : 10_000);
    return { kind: 'restart', at, heldMs: dice.upTo(1000), absentMs, stored: dice.chance(0.7) };
  }
  return {
    kind: 'client',
    end,
    at,
    heldMs: dice.upTo(1000),
    noticedAfterMs: dice.upTo(dice.chance(0.3) ? 5000 : 100),
    absentMs: dice.chance(0.05) ? Infinity : dice.upTo(dice.chance(0.1) ? 150_000 : 20_000),
    stored: dice.chance(0.5),
  };
}

/** Lets the schedule happen. */
export function play(schedule: Schedule): Aftermath {
  const { opener, acceptor, weather, faults, startWithFrames, envelope } = schedule;
  return simulate({
    opener,
    acceptor,
    restarted: (restarts) => ({ ...acceptor, writes: saidAfter(restarts, acceptor.writes) }),
    faults,
    startWithFrames,
    envelope,
    fate: (direction, index) => fateOf(weather, direction, index),
    sessionId: envelope === STREAM_ENVELOPE ? '00112233445566ff' : '00112233-4455-8001-8899-aabbccddeeff',
    // Streams have nothing else that ends the wait for a peer that never answers.
    ...(envelope === STREAM_ENVELOPE && { idleTimeoutMs: 1_800_000 }),
    until: 3_600_000,
  });
}

function saidAfter(restarts: number, writes: readonly Uint8Array[]): Uint8Array[] {
  let at = 0;
  return writes.map(({ length }) => (DOWN[restarts] ?? STREAM).subarray(at, (at += length)));
}

/** How long an end may be cut off in one schedule and still must come back. */
const HARMLESS_OUTAGE_MS = 60_000;

/**
 * Checks what must be true of a schedule's end, whatever happened: each end has the first bytes of the other's stream
 * and no others, the opener those of one and the same server; who saw the end of a stream has all of it; done means
 * done at both ends; everybody has ended who has not died. And unless something was out for long, the server was
 * restarted, or messages were lost without a client having died, nobody failed.
 *
 * @throws {AssertionError} naming what is wrong.
 */
export function check(schedule: Schedule, aftermath: Aftermath): void {
  const { opener, acceptor, acceptors } = aftermath;
  const servers = [...acceptors.values()];
  const sent = { up: total(schedule.opener), down: total(schedule.acceptor) };
  checkEnd('opener', opener, DOWN, sent.down, servers);
  for (const server of servers) checkEnd('acceptor', server, [STREAM], sent.up, [opener]);
  const failure = opener.error ?? (leftUnheard(aftermath) ? undefined : acceptor.error);
  assert.ok(opener.engine.outcome !== undefined, 'the opener never ended');
  assert.ok(acceptor.endedAt !== undefined || acceptor.messages === 0, 'the acceptor never ended');
  if (opener.error?.by === 'peer' && opener.error.code !== 'gone') {
    const reasons = servers.map(({ error }) => error?.code);
    assert.ok(
      reasons.includes(opener.error.code),
      `the opener was told another reason, not of ${reasons.join()}`,
    );
  }
  // What is lost before the first answer, towards what may be a Rust server, is not sent again.
  if (isHarmless(schedule) && opener.engine.dialect !== 'unknown')
    assert.equal(failure, undefined, 'a session failed that should have gone on');
  else if (failure && !isGhost(aftermath))
    assert.ok(['timeout', 'lost', 'aborted', 'gone'].includes(failure.code), `ended with ${failure.code}`);
}

/**
 * A restarted server may open a session for messages from before, and its opener, that knows better, does not hear of
 * it any more: to the server it speaks nonsense.
 */
function isGhost({ opener, acceptors }: Aftermath): boolean {
  return opener.error === undefined && acceptors.size > 1;
}

/** @param streams what the other end may have said, one of them. */
function checkEnd(
  name: string,
  end: End,
  streams: readonly Uint8Array[],
  sent: number,
  others: readonly End[],
): void {
  const { received, sawEnd, engine } = end;
  const right = streams.some((stream) => Buffer.compare(received, stream.subarray(0, received.length)) === 0);
  assert.ok(right && received.length <= sent, `the ${name} received bytes that were never sent`);
  if (sawEnd) assert.equal(received.length, sent, `the ${name} saw an end before the end`);
  if (engine.outcome?.kind !== 'done') return;
  assert.equal(received.length, sent, `the ${name} is done without all bytes`);
  const heard = others.some((other) => other.engine.bytesReceived === engine.bytesSent);
  assert.ok(heard, `the ${name} is done, and the other lacks bytes`);
}

/**
 * An opener that has taken its leave is not there any more to repeat it. When its client dies at that moment, the
 * acceptor has everything and cannot know that the opener has, too.
 */
function leftUnheard({ opener, acceptor }: Aftermath): boolean {
  return opener.engine.outcome?.kind === 'done' && acceptor.sawEnd && acceptor.error?.code === 'timeout';
}

function isHarmless({ opener, acceptor, faults, weather }: Schedule): boolean {
  if (weather.loss > 0 || opener.resetAtMs !== undefined || acceptor.resetAtMs !== undefined) return false;
  const outages = faults.map((fault) => {
    if (fault.kind === 'restart') return Infinity;
    return fault.kind === 'sleep' ? fault.forMs : fault.noticedAfterMs + fault.absentMs;
  });
  return outages.reduce((sum, ms) => sum + ms, 0) <= HARMLESS_OUTAGE_MS;
}
