import { setTimeout as pause } from 'node:timers/promises';

import { Random } from '../fuzz/random.js';
import type { Sample } from '../support/peer-protocol.js';
import { takeSample } from '../support/sample.js';
import { drawFault, recover } from './faults.js';
import { drawStream, runStream, type StreamReport } from './streams.js';
import type { SoakWorld } from './world.js';

/** Load and faults; then everything ends, and what is left is measured. */
const ROUND_MS = 45_000;

/** Connections at once. */
const STREAMS = 8;

/** Between two faults. */
const CALM_MS = 3000;

/** After the load: a connection that has not ended by then never will, as the longest time that anybody waits is 240 s. */
const STREAM_LIMIT_MS = 300_000;

/** Whatever is stopped is back by then. */
const FAULT_LIMIT_MS = 120_000;

/** After the last connection of a round: sessions that linger. */
const QUIET_LIMIT_MS = 30_000;

/** After the last round: a server waits 240 s for an opener whose last words were lost with its client. */
const LAST_QUIET_LIMIT_MS = 250_000;

/** The processes that are measured and live as long as the soak. */
export const MEASURED = ['server', 'clients', 'network and upstream'] as const;

/** What was left when nothing went on. */
export interface QuietSample {
  readonly atMs: number;
  readonly samples: Readonly<Record<(typeof MEASURED)[number], Sample>>;
}

/** A fault that was inflicted, and how long it took until every client worked, from its end. */
export interface FaultReport {
  readonly name: string;
  readonly atMs: number;
  readonly recoveredMs: number | undefined;
  /** Why what was stopped did not come back; no more faults then until the next round. */
  readonly error: string | undefined;
}

/** Everything that a soak has seen. */
export interface SoakLog {
  readonly startedAt: number;
  readonly streams: StreamReport[];
  readonly faults: FaultReport[];
  readonly quiet: QuietSample[];
}

/** Runs rounds until `until` has come or the signal aborts, which ends the round under way. */
export async function soak(
  world: SoakWorld,
  seed: number,
  untilMs: number,
  signal: AbortSignal,
  onRound: (log: SoakLog) => void,
): Promise<SoakLog> {
  const random = new Random(seed);
  const log: SoakLog = { startedAt: performance.now(), streams: [], faults: [], quiet: [] };
  const elapsed = () => performance.now() - log.startedAt;
  while (elapsed() < untilMs && !signal.aborted) {
    const round = new AbortController();
    const end = () => round.abort();
    const timer = setTimeout(end, Math.min(ROUND_MS, untilMs - elapsed()));
    signal.addEventListener('abort', end);
    await playRound(world, random, log, round.signal);
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    const isLast = elapsed() >= untilMs || signal.aborted;
    log.quiet.push(await measure(world, elapsed(), isLast ? LAST_QUIET_LIMIT_MS : QUIET_LIMIT_MS));
    onRound(log);
  }
  return log;
}

async function playRound(world: SoakWorld, random: Random, log: SoakLog, ending: AbortSignal): Promise<void> {
  const hung = new AbortController();
  const work = async () => {
    while (!ending.aborted) log.streams.push(await runStream(world, drawStream(random), hung.signal));
  };
  const trouble = async () => {
    while (!ending.aborted) {
      const calm = await pause(CALM_MS, true, { signal: ending }).catch(() => false);
      if (!calm) return;
      const fault = drawFault(random);
      const atMs = performance.now() - log.startedAt;
      const error = await failureOf(fault.run(world));
      const recoveredMs = error === undefined ? await recover(world, hung.signal) : undefined;
      log.faults.push({ name: fault.name, atMs, recoveredMs, error });
      if (error !== undefined) return;
    }
  };
  const all = Promise.all([trouble(), ...Array.from({ length: STREAMS }, work)]);
  const limit = new AbortController();
  const late = new Promise<void>((resolve) => {
    ending.addEventListener('abort', () => {
      void pause(STREAM_LIMIT_MS, undefined, { signal: limit.signal }).then(resolve, () => undefined);
    });
  });
  await Promise.race([all, late.then(() => hung.abort())]);
  await all;
  limit.abort();
}

/** Settles soon: with `undefined`, or with what went wrong. */
async function failureOf(fault: Promise<void>): Promise<string | undefined> {
  const inTime = new AbortController();
  const tooLate = pause(FAULT_LIMIT_MS, 'it took too long', { signal: inTime.signal }).catch(() => undefined);
  const over = fault.then(() => undefined, String);
  const failure = await Promise.race([over, tooLate]);
  inTime.abort();
  return failure;
}

async function measure(world: SoakWorld, atMs: number, limitMs: number): Promise<QuietSample> {
  const look = async () => {
    const [server, clients] = await Promise.all([world.server('steady').sample(), world.clients.sample()]);
    return { server, clients, 'network and upstream': takeSample(world.upstream.open) };
  };
  const deadline = performance.now() + limitMs;
  for (;;) {
    const samples = await look();
    const open = MEASURED.reduce((sum, name) => sum + samples[name].sessionsOpen, 0);
    if (open === 0 || performance.now() > deadline) return { atMs, samples };
    await pause(500);
  }
}
