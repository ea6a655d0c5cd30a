import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import type { Random } from '../fuzz/random.js';
import { Pattern, PatternReader, sendPattern, type Ending } from '../support/pattern.js';
import { CLIENTS, type ClientName, type SoakWorld } from './world.js';

const KIB = 1024;

/** What applications do with a connection. */
export const KINDS = [
  'request',
  'upload',
  'download',
  'both ways',
  'idle',
  'upstream ends first',
  'slow reader',
  'application gives up',
  'upstream resets',
] as const;

export type StreamKind = (typeof KINDS)[number];

/** One connection to be. */
export interface StreamPlan {
  readonly kind: StreamKind;
  readonly client: ClientName;
  /** Bytes up and down. */
  readonly up: number;
  readonly down: number;
  /** Silence in the middle. */
  readonly idleMs: number;
}

/**
 * - `exact`: every byte arrived, at both ends.
 * - `given up`: one of the two applications reset it, as planned.
 * - `killed`: it was reset, and its server was killed or its client closed while it was open.
 * - `not opened`: reset before its first byte, while no mixnet client could be started.
 * - anything else is wrong.
 */
export type StreamOutcome =
  'exact' | 'given up' | 'killed' | 'not opened' | 'WRONG BYTES' | 'CUT SHORT' | 'RESET' | 'HUNG';

export const RIGHT_OUTCOMES: ReadonlySet<StreamOutcome> = new Set([
  'exact',
  'given up',
  'killed',
  'not opened',
]);

/** What became of a connection. */
export interface StreamReport {
  readonly plan: StreamPlan;
  readonly outcome: StreamOutcome;
  readonly bytes: number;
  readonly tookMs: number;
}

/** Draws what the next connection does. */
export function drawStream(random: Random): StreamPlan {
  const kind = random.pick<StreamKind>(KINDS);
  const client = random.pick(CLIENTS);
  const small = () => 1 + random.below(4 * KIB);
  const large = () => 32 * KIB + random.below(480 * KIB);
  const plan = (up: number, down: number, idleMs = 0) => ({ kind, client, up, down, idleMs });
  switch (kind) {
    case 'request':
      return plan(small(), random.chance(0.5) ? small() : 20 * KIB);
    case 'upload':
      return plan(large(), small());
    case 'download':
    case 'slow reader':
      return plan(small(), large());
    case 'idle':
      return plan(small(), small(), 5000 + random.below(25_000));
    case 'upstream ends first':
      return plan(large(), small());
    case 'both ways':
    case 'application gives up':
    case 'upstream resets':
      return plan(large(), large());
  }
}

/** Opens the connection and sees it to its end; `hung` says that it has had its time. */
export async function runStream(
  world: SoakWorld,
  plan: StreamPlan,
  hung: AbortSignal,
): Promise<StreamReport> {
  const startedAt = performance.now();
  const [life, outage] = [world.lifeOf(plan.client), world.outages];
  const stream = new Stream(world, plan);
  const onHung = () => stream.breakOff();
  hung.addEventListener('abort', onHung);
  const ends = await stream.ends();
  hung.removeEventListener('abort', onHung);
  const killed = world.lifeOf(plan.client) !== life;
  const mayNotOpen = outage !== world.outages || world.outageNow;
  const outcome = hung.aborted ? 'HUNG' : judge(plan, ends, { killed, mayNotOpen });
  return { plan, outcome, bytes: stream.bytes, tookMs: performance.now() - startedAt };
}

/** How a connection ended at the application, and at the upstream, each time it came there. */
interface Ends {
  readonly application: Ending | 'wrong';
  readonly upstream: readonly (Ending | 'wrong' | 'held')[];
}

function judge(
  { kind }: StreamPlan,
  { application, upstream }: Ends,
  { killed, mayNotOpen }: { killed: boolean; mayNotOpen: boolean },
): StreamOutcome {
  if (application === 'wrong' || upstream.includes('wrong')) return 'WRONG BYTES';
  // A server that is killed cannot keep the system from ending its connections in peace.
  if (application === 'cut' || (upstream.includes('cut') && !killed)) return 'CUT SHORT';
  if (application === 'whole' && upstream.includes('whole')) return 'exact';
  if (kind === 'application gives up' || kind === 'upstream resets') return 'given up';
  if (killed) return 'killed';
  return upstream.length === 0 && mayNotOpen ? 'not opened' : 'RESET';
}

const SLOW_READ_MS = 400;

/** For the upstream, once the application has been reset; what it holds longer must be gone by the end of the soak. */
const GRACE_MS = 5000;

class Stream {
  readonly #plan: StreamPlan;
  readonly #socket: Socket;
  readonly #reader: PatternReader;
  readonly #forget: () => void;
  readonly #accepted: { readonly socket: Socket; readonly reader: PatternReader }[] = [];

  constructor(world: SoakWorld, plan: StreamPlan) {
    const [up, down] = [new Pattern(plan.up), new Pattern(plan.down)];
    this.#plan = plan;
    const ticket = world.upstream.ticket((socket) => {
      const reader = new PatternReader(socket, up);
      this.#accepted.push({ socket, reader });
      void this.#behaveAsUpstream(socket, reader, down);
    });
    this.#forget = ticket.forget;
    this.#socket = world.connect(plan.client);
    this.#reader = new PatternReader(this.#socket, down);
    this.#socket.write(ticket.bytes);
    void this.#behaveAsApplication(up);
  }

  get bytes(): number {
    return this.#accepted.reduce((sum, { reader }) => sum + reader.received, this.#reader.received);
  }

  breakOff(): void {
    for (const socket of [this.#socket, ...this.#accepted.map((one) => one.socket)]) socket.destroy();
  }

  async ends(): Promise<Ends> {
    const endOf = (reader: PatternReader) => reader.ended.catch(() => 'wrong' as const);
    const application = await endOf(this.#reader);
    const upstreams = () => Promise.all(this.#accepted.map(({ reader }) => endOf(reader)));
    if (application !== 'whole') {
      // A reset may be lost with the client that was to carry it; then a server lets go after four minutes only.
      await Promise.race([pause(GRACE_MS), upstreams()]);
      this.#socket.destroy();
    }
    const upstream =
      application === 'whole'
        ? await upstreams()
        : await Promise.all(
            this.#accepted.map(({ reader }) => Promise.race([endOf(reader), pause(0, 'held' as const)])),
          );
    this.#forget();
    return { application, upstream };
  }

  async #behaveAsApplication(up: Pattern): Promise<void> {
    const { kind, idleMs, down } = this.#plan;
    if (kind === 'application gives up') {
      void this.#reader.until(down / 3).then(() => void this.#socket.resetAndDestroy());
    }
    if (kind === 'slow reader') void this.#readSlowly();
    if (kind === 'upstream ends first') await this.#reader.ended.catch(() => undefined);
    await sendPattern(this.#socket, up, undefined, idleMs);
  }

  async #behaveAsUpstream(socket: Socket, reader: PatternReader, down: Pattern): Promise<void> {
    const { kind, idleMs, up } = this.#plan;
    if (kind === 'upstream resets') void reader.until(up / 3).then(() => void socket.resetAndDestroy());
    if (kind === 'request') await reader.ended.catch(() => undefined);
    await sendPattern(socket, down, undefined, idleMs);
  }

  async #readSlowly(): Promise<void> {
    while (!this.#socket.destroyed && !this.#reader.complete) {
      this.#reader.pause();
      await pause(SLOW_READ_MS);
      this.#reader.resume();
      await this.#reader.until(this.#reader.received + 1);
    }
  }
}
