import { setTimeout as pause } from 'node:timers/promises';

import type { Random } from '../fuzz/random.js';
import { runStream } from './streams.js';
import { CLIENTS, type SoakWorld } from './world.js';

/** One fault, inflicted and over. */
export interface SoakFault {
  readonly name: string;
  /** Inflicts it; settles when it is over. */
  readonly run: (world: SoakWorld) => Promise<void>;
}

const PROBES = 20;

/** Draws the next fault. */
export function drawFault(random: Random): SoakFault {
  const awayMs = 500 + random.below(4000);
  const which = random.below(1000);
  const client = random.pick(CLIENTS);
  const share = () => random.below(6) / 100;
  const weather = { loss: share(), duplication: share(), extraDelayMs: random.below(80) };
  return random.pick<SoakFault>([
    {
      name: 'a gateway is killed and restarted',
      run: (world) => world.outage(() => restartNode(world, 'gateway', which, awayMs)),
    },
    {
      name: 'a mix node is killed and restarted',
      run: (world) => world.outage(() => restartNode(world, 'mix', which, awayMs)),
    },
    {
      name: 'the directory is away',
      run: (world) =>
        world.outage(async () => {
          world.network.localnet.stopDirectory();
          await pause(awayMs);
          world.network.localnet.startDirectory();
        }),
    },
    {
      name: 'packets are lost, repeated and delayed',
      run: async ({ network: { localnet } }) => {
        await localnet.setFaults(weather);
        await pause(2 * awayMs);
        await localnet.setFaults({});
      },
    },
    { name: "a server's process is killed and restarted", run: (world) => world.restartServer() },
    { name: 'a client is closed and restarted', run: (world) => world.restartClient(client) },
  ]);
}

/**
 * How long, from now on, until a small connection has gone through every client; `undefined` if one does not, however
 * often it is tried.
 */
export async function recover(world: SoakWorld, signal: AbortSignal): Promise<number | undefined> {
  const startedAt = performance.now();
  for (const client of CLIENTS) {
    for (let tries = 0; ; tries += 1) {
      if (tries >= PROBES || signal.aborted) return undefined;
      const { outcome } = await runStream(
        world,
        { kind: 'request', client, up: 100, down: 100, idleMs: 0 },
        signal,
      );
      if (outcome === 'exact') break;
      await pause(200);
    }
  }
  return performance.now() - startedAt;
}

async function restartNode(
  { network: { localnet } }: SoakWorld,
  kind: 'gateway' | 'mix',
  which: number,
  awayMs: number,
): Promise<void> {
  const nodes = localnet.nodes.filter((node) => node.kind === kind);
  const node = nodes[which % nodes.length];
  if (node === undefined) return;
  await localnet.stopNode(node.id);
  await pause(awayMs);
  await localnet.startNode(node.id);
}
