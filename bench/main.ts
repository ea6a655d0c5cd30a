/**
 * `npm run bench`: unwraps per second, and this project's way of using the official client against the Rust SDK's, in
 * one run over one localnet. Ratios can be compared between machines; the absolute figures cannot.
 */
import { startLocalnet } from '../src/localnet/index.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { measureExchange, OURS, RUST } from './exchange.js';
import { measureUnwraps } from './unwrap.js';

interface Exchange {
  readonly name: string;
  readonly traffic: TrafficProfile;
  readonly request: number;
  readonly answer: number;
  readonly runs: number;
  /** Whether the result is a time or the rate of the larger part. */
  readonly unit: 'ms' | 'kB/s';
}

const KIB = 1024;

const EXCHANGES: readonly Exchange[] = [
  { name: 'round trip', traffic: 'default', request: 200, answer: 1000, runs: 7, unit: 'ms' },
  { name: 'round trip', traffic: 'fast', request: 200, answer: 1000, runs: 7, unit: 'ms' },
  { name: 'upload', traffic: 'default', request: 256 * KIB, answer: 1, runs: 3, unit: 'kB/s' },
  { name: 'upload', traffic: 'fast', request: 256 * KIB, answer: 1, runs: 3, unit: 'kB/s' },
  { name: 'download', traffic: 'default', request: 200, answer: 256 * KIB, runs: 3, unit: 'kB/s' },
  { name: 'download', traffic: 'fast', request: 200, answer: 256 * KIB, runs: 3, unit: 'kB/s' },
];

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Medians of our way and of the Rust way, measured in turn so that both see the same machine. */
async function compare(apiUrl: string, exchange: Exchange): Promise<{ ours: number; rust: number }> {
  const { traffic, request, answer, unit } = exchange;
  const results: { ours: number[]; rust: number[] } = { ours: [], rust: [] };
  for (let run = 0; run < exchange.runs; run += 1) {
    results.ours.push(await measureExchange(OURS, apiUrl, traffic, request, answer));
    results.rust.push(await measureExchange(RUST, apiUrl, traffic, request, answer));
  }
  const value = (ms: number) => (unit === 'ms' ? ms : Math.max(request, answer) / ms);
  return { ours: value(median(results.ours)), rust: value(median(results.rust)) };
}

function row(...cells: readonly string[]): void {
  const widths = [12, 10, 16, 16, 8];
  console.log(
    cells.map((cell, n) => (n < 2 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join(''),
  );
}

console.log('Sphinx packets of the regular size, one core:');
const rates = measureUnwraps();
console.log(
  `  ${rates.forwardPerSecond.toFixed(0)} forward unwraps/s, ${rates.finalPerSecond.toFixed(0)} final unwraps/s\n`,
);

console.log('New session over ready clients, mixes that hold each packet for 15 ms on average; medians:');
row('', 'traffic', OURS.name, RUST.name, 'ratio');
await using localnet = await startLocalnet();
for (const exchange of EXCHANGES) {
  const { ours, rust } = await compare(localnet.apiUrl, exchange);
  const { name, traffic, unit } = exchange;
  row(name, traffic, `${ours.toFixed(1)} ${unit}`, `${rust.toFixed(1)} ${unit}`, (ours / rust).toFixed(2));
}
