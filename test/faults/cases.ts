import { setTimeout as pause } from 'node:timers/promises';

import type { FaultWorld, ClientMode } from './world.js';

/** A fault in the middle of a transfer. */
export interface FaultCase {
  readonly name: string;
  readonly clients: ClientMode;
  /** Before the transfer. */
  readonly prepare?: (world: FaultWorld) => Promise<void>;
  /** In the middle of it; settles when the fault is over, or the transfer has `ended` if it lasts. */
  readonly inflict?: (world: FaultWorld, ended: Promise<unknown>) => Promise<void>;
  /** Afterwards, so that the world is as before. */
  readonly mend?: (world: FaultWorld) => Promise<void>;
  /** What must come of the transfer: all bytes, or a reset with this code at the client. */
  readonly outcome: 'exact' | 'gone' | 'timeout' | 'lost';
  /** Takes minutes, whatever the length of the transfer. */
  readonly slow?: boolean;
  /** Makes every byte take several times as long. */
  readonly slowsDown?: boolean;
}

/** Long enough for everybody to feel it. */
const GATEWAY_AWAY_MS = 1000;
const MIX_NODE_AWAY_MS = 3000;

/** From the sender's gateway over three mix nodes to the recipient's (sphinx.md section 1); no less for acknowledgements. */
const HAND_OVERS = 4;

/** Odds at each hand-over by which one of ten packets meets them on its way: 2.6 %. */
const TENTH_OF_THE_WAY = 1 - 0.9 ** (1 / HAND_OVERS);

async function restartGateway(world: FaultWorld, whose: 'client' | 'server'): Promise<void> {
  const { id } = world.gatewayOf(whose);
  await world.localnet.stopNode(id);
  await pause(GATEWAY_AWAY_MS);
  await world.localnet.startNode(id);
}

async function restartMixNode({ localnet }: FaultWorld): Promise<void> {
  const node = localnet.nodes.find(({ kind }) => kind === 'mix');
  if (node === undefined) throw new Error('the world has no mix nodes');
  await localnet.stopNode(node.id);
  await pause(MIX_NODE_AWAY_MS);
  await localnet.startNode(node.id);
}

/** Without the directory no new mixnet client can start; those that run go on. */
async function restartDirectory(world: FaultWorld): Promise<void> {
  world.localnet.stopDirectory();
  await restartGateway(world, 'client');
  await pause(GATEWAY_AWAY_MS);
  world.localnet.startDirectory();
}

const both = <T>(make: (clients: ClientMode) => T): T[] => [make('per-connection'), make('shared')];

/** What the README's table of faults says, as far as it can be inflicted here. */
export const FAULT_CASES: readonly FaultCase[] = [
  { name: 'nothing', clients: 'per-connection', outcome: 'exact' },
  ...both((clients): FaultCase => ({
    name: "the client's gateway is killed and restarted",
    clients,
    inflict: (world) => restartGateway(world, 'client'),
    outcome: 'exact',
  })),
  ...both((clients): FaultCase => ({
    name: "the server's gateway is killed and restarted",
    clients,
    inflict: (world) => restartGateway(world, 'server'),
    outcome: 'exact',
  })),
  {
    name: 'a mix node is killed and restarted',
    clients: 'per-connection',
    inflict: restartMixNode,
    outcome: 'exact',
  },
  {
    name: "the directory is away, and the client's gateway is killed and restarted meanwhile",
    clients: 'per-connection',
    inflict: restartDirectory,
    outcome: 'exact',
  },
  ...both((clients): FaultCase => ({
    name: "the server's process is killed and restarted",
    clients,
    inflict: async (world) => {
      await world.killServer();
      await world.restartServer();
    },
    outcome: 'gone',
  })),
  ...both((clients): FaultCase => ({
    name: '10 % of all packets are lost on their way and 10 % repeated',
    clients,
    prepare: ({ localnet }) => localnet.setFaults({ loss: TENTH_OF_THE_WAY, duplication: TENTH_OF_THE_WAY }),
    mend: ({ localnet }) => localnet.setFaults({}),
    outcome: 'exact',
    slowsDown: true,
  })),
  {
    name: '10 % of all packets are lost at every hand-over and 10 % repeated',
    clients: 'per-connection',
    // A third of the way; SURBs and acknowledgements are lost likewise.
    prepare: ({ localnet }) => localnet.setFaults({ loss: 0.1, duplication: 0.1 }),
    mend: ({ localnet }) => localnet.setFaults({}),
    outcome: 'exact',
    slowsDown: true,
  },
  {
    name: 'the server stays away',
    clients: 'per-connection',
    inflict: async (world, ended) => {
      await world.killServer();
      await ended;
    },
    mend: (world) => world.restartServer(),
    outcome: 'timeout',
    slow: true,
  },
  {
    name: 'the client finds no other mixnet client',
    clients: 'per-connection',
    inflict: async (world, ended) => {
      await world.localnet.stopNode(world.gatewayOf('client').id);
      await ended;
    },
    mend: (world) => world.localnet.startNode(world.gatewayOf('client').id),
    outcome: 'lost',
    slow: true,
  },
];
