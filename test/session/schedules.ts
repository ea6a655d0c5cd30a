/**
 * A model of sessions whose mixnet loses, repeats and reorders, whose clients die, whose machines sleep and whose servers
 * are restarted: schedules drawn from a seed, and what must be true of each one's end.
 *
 * @module
 */
import assert from 'node:assert/strict';

import { PROXY_ENVELOPE, STREAM_ENVELOPE, type Envelope } from '../../src/session/envelope.js';
import { Dice } from '../support/dice.js';
import {
  simulate,
  type Application,
  type End,
  type Fate,
  type Fault,
  type OtherSession,
  type Result,
  type SessionEnds,
} from '../support/session-world.js';

/** One drawn schedule. */
export interface Schedule {
  readonly opener: Application;
  readonly acceptor: Application;
  readonly losses: Losses;
  readonly others: readonly OtherSession[];
  readonly faults: readonly Fault[];
  readonly startWithFrames: boolean;
  readonly envelope: Envelope;
}

/** What the mixnet does to messages; which ones, the seed decides. */
export interface Losses {
  readonly seed: number;
  /** Odds that a message is lost that no client held, as the mixnet itself never does. */
  readonly loss: number;
  /** Odds that a message comes twice. */
  readonly repeats: number;
  /** The longest that a message is on its way, in ms. */
  readonly slowest: number;
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

/** The schedule of a seed; seeds that follow each other draw ones that have nothing in common. */
export function drawSchedule(seed: number): Schedule {
  const dice = new Dice(Math.imul(seed, 0x85ebca6b));
  const applications = dice.chance(0.03)
    ? drawEndless(dice)
    : { opener: drawApplication(dice), acceptor: drawApplication(dice) };
  return {
    ...applications,
    others: dice.chance(0.1)
      ? dice.list(1 + dice.upTo(2), () => ({
          opener: drawApplication(dice),
          acceptor: drawApplication(dice),
          recipient: dice.upTo(2),
          opensAt: dice.upTo(dice.chance(0.5) ? 2000 : 30_000),
        }))
      : [],
    losses: {
      seed,
      loss: dice.chance(0.4) ? dice.roll() * 0.3 : 0,
      repeats: dice.chance(0.5) ? dice.roll() * 0.3 : 0,
      slowest: dice.chance(0.2) ? 6000 : 400,
    },
    faults: dice.list(dice.upTo(3), () => drawFault(dice)),
    startWithFrames: dice.chance(0.3),
    // A Rust peer of a stream may never answer, so an opener of one that nobody hears would go on for ever.
    envelope: dice.chance(0.25) && !applications.opener.endless ? STREAM_ENVELOPE : PROXY_ENVELOPE,
  };
}

function fateOf({ seed, loss, repeats, slowest }: Losses, direction: 'up' | 'down', index: number): Fate {
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
  const manySmall = dice.chance(0.03);
  const writes = dice.list(manySmall ? 100 + dice.upTo(300) : dice.upTo(4), () => {
    const length = manySmall ? dice.upTo(12) : dice.upTo(most);
    at += length;
    return STREAM.subarray(at - length, at);
  });
  return {
    writes,
    writeEveryMs: manySmall ? dice.upTo(10) : dice.chance(0.3) ? dice.upTo(20_000) : dice.upTo(300),
    readEveryMs: dice.upTo(100),
    ...(dice.chance(0.1) && { readFromMs: dice.upTo(100_000) }),
    ...(dice.chance(0.06) && { resetAtMs: dice.upTo(40_000) }),
  };
}

/** Ends, because its reader stops, or does not, and one end gives it up at last. */
function drawEndless(dice: Dice): { opener: Application; acceptor: Application } {
  const bytes = STREAM.subarray(0, 256 * (1 + dice.upTo(30)));
  const source = { writes: [bytes], endless: true, writeEveryMs: 20 + dice.upTo(500), readEveryMs: 0 };
  const reader: Application = {
    writes: [],
    writeEveryMs: 100_000,
    readEveryMs: dice.upTo(100),
    ...(dice.chance(0.5) && { readUntilMs: dice.upTo(20_000) }),
  };
  const resetAtMs = 1000 + dice.upTo(20_000);
  const [first, second] = dice.chance(0.5) ? [source, reader] : [reader, source];
  return dice.chance(0.5)
    ? { opener: { ...first, resetAtMs }, acceptor: second }
    : { opener: first, acceptor: { ...second, resetAtMs } };
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
export function play(schedule: Schedule): Result {
  const { opener, acceptor, losses, faults, startWithFrames, envelope, others } = schedule;
  return simulate({
    opener,
    acceptor,
    restarted: (restarts) =>
      acceptor.endless ? acceptor : { ...acceptor, writes: saidAfter(restarts, acceptor.writes) },
    faults,
    others,
    startWithFrames,
    envelope,
    fate: (direction, index) => fateOf(losses, direction, index),
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

/** How long an end may be cut off and still must get what was written before a reset. */
const HARMLESS_TO_RESETS_MS = 5000;

/**
 * Checks what must be true of a schedule's end, whatever happened: each end has the first bytes of the other's stream
 * and no others, the opener those of one and the same server; an end that saw the end of a stream has all of it; done
 * means done at both ends; every end that has not died has ended. And unless something was out for long, the server was
 * restarted, or messages were lost without a client having died, nobody failed, and after a reset the peer has every byte
 * that was written before.
 *
 * @throws {AssertionError} naming what is wrong.
 */
export function check(schedule: Schedule, result: Result): void {
  checkSession(schedule, schedule, result);
  for (const [n, other] of schedule.others.entries()) {
    const ends = result.others[n];
    if (ends) checkSession(schedule, other, ends, [STREAM]);
  }
}

function checkSession(
  schedule: Schedule,
  applications: Pick<Schedule, 'opener' | 'acceptor'>,
  ends: SessionEnds,
  down: readonly Uint8Array[] = DOWN,
): void {
  const { opener, acceptor, acceptors } = ends;
  const servers = [...acceptors.values()];
  checkEnd('opener', opener, applications.acceptor, down, servers);
  for (const server of servers) checkEnd('acceptor', server, applications.opener, [STREAM], [opener]);
  const failure = opener.error ?? (leftUnheard(ends) ? undefined : acceptor.error);
  assert.ok(opener.endedAt !== undefined, 'the opener never ended');
  assert.ok(acceptor.endedAt !== undefined || acceptor.messages === 0, 'the acceptor never ended');
  for (const end of [opener, acceptor])
    assert.ok(
      end.endedAt === undefined || end.drainedAt !== undefined,
      'an end that has ended never drained',
    );
  if (opener.error?.by === 'peer' && opener.error.code !== 'gone') {
    const reasons = servers.map(({ error }) => error?.code);
    assert.ok(
      reasons.includes(opener.error.code),
      `the opener was told another reason, not one of ${reasons.join()}`,
    );
  }
  const resets = applications.opener.resetAtMs !== undefined || applications.acceptor.resetAtMs !== undefined;
  // What is lost before the first answer, towards what may be a Rust server, is not sent again.
  if (isHarmless(schedule) && opener.endedMode !== 'unknown') {
    if (!resets) assert.equal(failure, undefined, 'a session failed that should have gone on');
  }
  if (isHarmless(schedule, HARMLESS_TO_RESETS_MS)) {
    checkReset('opener', opener, acceptor);
    checkReset('acceptor', acceptor, opener);
  }
  const codes = ['timeout', 'lost', 'aborted', 'gone'];
  // An endless source sends an unknown peer more than is held to be sent again.
  if (applications.opener.endless) codes.push('limit');
  if (failure && !isGhost(ends)) assert.ok(codes.includes(failure.code), `ended with ${failure.code}`);
}

/** An end that was reset by its peer, which has drained, has every byte that was written there before. */
function checkReset(name: string, { error, received, engine }: End, peer: End): void {
  if (error?.by !== 'peer' || error.code !== 'aborted' || engine?.readable !== false) return;
  assert.equal(received.length, peer.engine?.bytesSent, `the ${name} lacks bytes from before the reset`);
}

/**
 * A restarted server may open a session for messages from before, and its opener, that knows better, does not hear of
 * it any more: to the server it speaks nonsense.
 */
function isGhost({ opener, acceptors }: SessionEnds): boolean {
  return opener.error === undefined && acceptors.size > 1;
}

/** @param streams what the other end may have said, one of them. */
function checkEnd(
  name: string,
  end: End,
  { writes, endless = false }: Application,
  streams: readonly Uint8Array[],
  others: readonly End[],
): void {
  const { received, sawEnd, engine } = end;
  const sent = writes.reduce((sum, bytes) => sum + bytes.length, 0);
  const isRight = (stream: Uint8Array) =>
    endless ? repeats(received, writes) : Buffer.compare(received, stream.subarray(0, received.length)) === 0;
  assert.ok(streams.some(isRight), `the ${name} received bytes that were never sent`);
  assert.ok(endless || received.length <= sent, `the ${name} received more than was sent`);
  if (sawEnd) assert.equal(received.length, sent, `the ${name} saw an end before the end`);
  if (engine?.outcome?.kind !== 'done') return;
  assert.equal(received.length, sent, `the ${name} is done without all bytes`);
  const heard = others.some((other) => other.engine?.bytesReceived === engine.bytesSent);
  assert.ok(heard, `the ${name} is done, and the other lacks bytes`);
}

/** Whether bytes are what an endless source of one chunk says. */
function repeats(bytes: Uint8Array, [chunk = new Uint8Array()]: readonly Uint8Array[]): boolean {
  return bytes.every((byte, n) => byte === chunk[n % chunk.length]);
}

/**
 * An opener that has said goodbye is not there any more to repeat it. When its client dies at that moment, the acceptor
 * has everything and cannot know that the opener has, too.
 */
function leftUnheard({ opener, acceptor }: SessionEnds): boolean {
  return opener.engine?.outcome?.kind === 'done' && acceptor.sawEnd && acceptor.error?.code === 'timeout';
}

function isHarmless({ faults, losses }: Schedule, outageMs = HARMLESS_OUTAGE_MS): boolean {
  if (losses.loss > 0) return false;
  const outages = faults.map((fault) => {
    if (fault.kind === 'restart') return Infinity;
    return fault.kind === 'sleep' ? fault.forMs : fault.noticedAfterMs + fault.absentMs;
  });
  return outages.reduce((sum, ms) => sum + ms, 0) <= outageMs;
}
