import { inSeconds, textTable } from '../support/text-table.js';
import { MEASURED, type QuietSample, type SoakLog } from './soak.js';
import type { StreamOutcome } from './streams.js';

/** Rows of the table of samples; more are thinned out. */
const SAMPLE_ROWS = 12;

/** What a soak has seen, for people. */
export function soakReport(log: SoakLog, resets: ReadonlyMap<string, number>): string {
  const bytes = log.streams.reduce((sum, stream) => sum + stream.bytes, 0);
  const codes = [...resets].map(([code, count]) => `${code} ${count}`).join(', ') || 'none';
  return [
    `${log.streams.length} connections, ${(bytes / 2 ** 20).toFixed(1)} MiB, ${log.faults.length} faults`,
    '',
    streamTable(log),
    '',
    `Resets at the clients by code: ${codes}`,
    '',
    faultTable(log),
    '',
    sampleTable(log.quiet),
  ].join('\n');
}

function streamTable({ streams }: SoakLog): string {
  const outcomes = [...new Set(streams.map(({ outcome }) => outcome))];
  const kinds = [...new Set(streams.map(({ plan }) => plan.kind))].sort();
  const count = (kind: string, outcome: StreamOutcome) =>
    streams.filter((stream) => stream.plan.kind === kind && stream.outcome === outcome).length;
  const slowest = (kind: string) =>
    Math.max(...streams.filter(({ plan }) => plan.kind === kind).map(({ tookMs }) => tookMs));
  return textTable(
    ['connection', ...outcomes, 'slowest, s'],
    kinds.map((kind) => [kind, ...outcomes.map((outcome) => count(kind, outcome)), inSeconds(slowest(kind))]),
  );
}

function faultTable({ faults }: SoakLog): string {
  const names = [...new Set(faults.map(({ name }) => name))].sort();
  return textTable(
    ['fault', 'times', 'works again after, s: median', 'worst'],
    names.map((name) => {
      const times = faults
        .filter((fault) => fault.name === name)
        .map(({ recoveredMs }) => recoveredMs ?? Infinity)
        .sort((a, b) => a - b);
      return [name, times.length, inSeconds(times[Math.floor(times.length / 2)]), inSeconds(times.at(-1))];
    }),
  );
}

function sampleTable(quiet: readonly QuietSample[]): string {
  const step = Math.ceil(quiet.length / SAMPLE_ROWS);
  const shown = quiet.filter((_, n) => n % step === 0 || n === quiet.length - 1);
  const headings = MEASURED.flatMap((name) => [`${name}: RSS`, 'heap', 'fds', 'handles']);
  return textTable(
    ['quiet after, s', ...headings],
    shown.map(({ atMs, samples }) => [
      inSeconds(atMs),
      ...MEASURED.flatMap((name) => {
        const { rssMiB, heapMiB, descriptors, handles } = samples[name];
        return [Math.round(rssMiB), Math.round(heapMiB), descriptors, handles];
      }),
    ]),
  );
}
