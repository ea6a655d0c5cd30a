import type { Sample } from '../support/peer-protocol.js';
import { MEASURED, type SoakLog } from './soak.js';
import { RIGHT_OUTCOMES } from './streams.js';

/** What a process may hold more at the end than at the beginning: a share, and something besides. */
const ALLOWED = {
  rssMiB: { share: 0.2, more: 40 },
  heapMiB: { share: 0.2, more: 8 },
  descriptors: { share: 0, more: 8 },
  handles: { share: 0, more: 8 },
} as const;

type Measure = keyof typeof ALLOWED;

/**
 * The localnet's nodes fill their replay filters, which hold 16 MB each at most; a soak's network has 12 nodes. It is
 * not what is tested here.
 */
const REPLAY_FILTERS_MIB = 12 * 16;

/** Everything that went wrong; empty if nothing did. */
export function verdict(log: SoakLog): string[] {
  return [...wrongStreams(log), ...lastingFaults(log), ...leftSessions(log), ...growth(log)];
}

function wrongStreams({ streams }: SoakLog): string[] {
  if (streams.length === 0) return ['no connection was made'];
  return streams
    .filter(({ outcome }) => !RIGHT_OUTCOMES.has(outcome))
    .map(({ outcome, bytes, tookMs, plan: { kind, client, up, down } }) => {
      const what = `${kind}, ${client.mode} to the ${client.server} server, ${up} B up, ${down} B down`;
      return `${outcome}: ${what}; ${bytes} B came within ${Math.round(tookMs / 1000)} s`;
    });
}

function lastingFaults({ faults }: SoakLog): string[] {
  return faults
    .filter(({ recoveredMs }) => recoveredMs === undefined)
    .map(({ name, atMs, error = 'some client did not work again' }) => {
      return `no recovery after ${Math.round(atMs / 1000)} s: ${name}: ${error}`;
    });
}

function leftSessions({ quiet }: SoakLog): string[] {
  const samples = quiet.at(-1)?.samples;
  if (samples === undefined) return [];
  const sessions = samples.server.sessionsOpen + samples.clients.sessionsOpen;
  const connections = samples['network and upstream'].sessionsOpen;
  return [
    ...(sessions === 0 ? [] : [`${sessions} sessions were left open at the end`]),
    ...(connections === 0 ? [] : [`${connections} connections to the upstream were held at the end`]),
  ];
}

/** Compares the quiet moments of the last third with those of the first, the very first of which is warming up. */
function growth({ quiet }: SoakLog): string[] {
  const settled = quiet.slice(1);
  const third = Math.ceil(settled.length / 3);
  const [first, last] = [settled.slice(0, third), settled.slice(-third)];
  if (settled.length < 2) return [];
  return MEASURED.flatMap((name) =>
    (Object.keys(ALLOWED) as Measure[]).flatMap((measure) => {
      const before = median(first.map(({ samples }) => valueOf(samples[name], measure)));
      const after = median(last.map(({ samples }) => valueOf(samples[name], measure)));
      const { share, more } = ALLOWED[measure];
      const filters = name === 'network and upstream' && measure === 'rssMiB' ? REPLAY_FILTERS_MIB : 0;
      if (after <= before * (1 + share) + more + filters) return [];
      return [`${name}: ${measure} grew from ${Math.round(before)} to ${Math.round(after)}`];
    }),
  );
}

function valueOf(sample: Sample, measure: Measure): number {
  return sample[measure] ?? 0;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
