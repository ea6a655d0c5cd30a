/**
 * `npm run bench`: this project's way of using the official client against the Rust SDK's, and against what physics
 * allows, in one run over one localnet. Ratios can be compared between machines; the absolute figures cannot.
 */
import { writeFile } from 'node:fs/promises';

import { Command, Option } from 'commander';

import type { TrafficProfile } from '../src/mixnet/options.js';
import { timeAlone } from './alone.js';
import { goalLines } from './goals.js';
import { BenchNetwork } from './network.js';
import { Pair } from './pair.js';
import { plot } from './plot.js';
import type { PolicyName } from './policy.js';
import { measureFirstByte, measureSessions } from './proxies.js';
import type { Result } from './result.js';
import { aloneResult, measureBeside, measureParallel, measureRoundTrips, SMALL } from './round-trips.js';
import { measureIdle, measureLanes } from './lanes.js';
import { headLine, resultLines } from './table.js';
import { measureTransfer } from './transfers.js';
import { measureUnwraps } from './unwrap.js';

interface Options {
  readonly quick?: boolean;
  readonly only?: readonly string[];
  readonly traffic?: readonly TrafficProfile[];
  readonly policy?: readonly PolicyName[];
  readonly json?: string;
  readonly svg?: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes of a transfer: some seconds' worth. */
const TRANSFER_BYTES: Readonly<Record<PolicyName, Readonly<Record<TrafficProfile, number>>>> = {
  ours: { default: MIB, bulk: 32 * MIB, fast: MIB },
  rust: { default: 128 * KIB, bulk: MIB, fast: 256 * KIB },
};

/** A round trip is a sum of random times, so its median needs many. */
const ROUND_TRIPS = 25;
const BESIDE = 15;

const PROFILES: readonly TrafficProfile[] = ['default', 'bulk', 'fast'];
const BOTH: readonly PolicyName[] = ['ours', 'rust'];

type Measurement = (pair: Pair, quick: boolean) => Promise<Result[]>;

/** What is measured of a server of one policy and profile, by the names that `--only` takes. */
const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  'round-trip': (pair, quick) => measureRoundTrips(pair, quick ? 3 : ROUND_TRIPS),
  upload: (pair, quick) => measureTransfer(pair, 'up', transferBytes(pair, quick), quick ? 1 : 3),
  download: (pair, quick) => measureTransfer(pair, 'down', transferBytes(pair, quick), quick ? 1 : 3),
  parallel: (pair, quick) =>
    measureParallel(pair, quick ? 20 : 100, pair.policy === 'ours' && !quick ? 3 : 1),
};

const options = new Command('npm run bench --')
  .description('Speed of this project, of the Rust policy, and what physics allows.')
  .option('--quick', 'fewer runs, fewer bytes')
  .addOption(
    new Option('--only <names...>', 'of what is measured').choices([
      ...Object.keys(MEASUREMENTS),
      'beside',
      'first-byte',
      'sessions',
      'lanes',
      'unwrap',
    ]),
  )
  .addOption(new Option('--traffic <profiles...>', 'of the traffic profiles').choices(PROFILES))
  .addOption(new Option('--policy <policies...>', 'of what is compared').choices(BOTH))
  .option('--json <file>', 'writes all results')
  .option('--svg <file>', 'draws them')
  // As all commands: 2 for what they cannot take.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<Options>();

const { quick = false, only, traffic: profiles = PROFILES, policy: policies = BOTH } = options;
const results: Result[] = [];
const wanted = (name: string) => only === undefined || only.includes(name);

if (wanted('unwrap')) {
  const { forwardPerSecond, finalPerSecond } = measureUnwraps();
  console.log(`Sphinx, one core: ${forwardPerSecond} forward unwraps/s, ${finalPerSecond} final unwraps/s\n`);
}
console.log('Medians, least and most; one localnet, mixes that hold each packet for 15 ms on average.');
console.log(headLine());
const troubles: string[] = [];
await using network = await BenchNetwork.start((what) => {
  troubles.push(what);
  console.log(`! ${what}`);
});
for (const traffic of profiles) await measureProfile(traffic);
if (wanted('sessions')) {
  for (const result of await measureSessions(network, quick ? [1, 10, 100] : [1, 10, 100, 1000]))
    show([result]);
}
if (wanted('lanes')) {
  for (const traffic of profiles.filter((profile) => profile !== 'fast')) {
    for (const result of await measureLanes(network, traffic, quick ? 1 : 3)) show([result]);
    show([await measureIdle(network, traffic)]);
  }
}
for (const text of goalLines(results)) console.log(text);
if (troubles.length > 0) {
  console.log('! The machine was too busy to measure: packets were dropped. What is above is worth nothing.');
}
if (options.json !== undefined) await writeFile(options.json, JSON.stringify(results, undefined, 2));
if (options.svg !== undefined) await writeFile(options.svg, plot(results));

async function measureProfile(traffic: TrafficProfile): Promise<void> {
  const measured: Result[][] = [];
  for (const policy of policies) {
    await using pair = await Pair.start(network, policy, traffic);
    for (const [name, measure] of Object.entries(MEASUREMENTS)) {
      if (wanted(name)) measured.push(await measure(pair, quick));
    }
    // Without a limit to what waits in the official client, the answer is as long as the transfer.
    if (wanted('beside') && policy === 'ours') {
      measured.push(await measureBeside(pair, 2 * transferBytes(pair, false), quick ? 3 : BESIDE));
    }
  }
  if (wanted('round-trip')) {
    const times = await timeAlone(network, traffic, SMALL, quick ? 3 : ROUND_TRIPS);
    measured.push([aloneResult(traffic, times)]);
  }
  if (wanted('first-byte')) measured.push(await measureFirstByte(network, traffic, quick ? 3 : 7));
  const all = measured.flat();
  for (const name of new Set(all.map((result) => result.name))) {
    show(all.filter((result) => result.name === name));
  }
}

function transferBytes({ policy, traffic }: Pair, fewer: boolean): number {
  return TRANSFER_BYTES[policy][traffic] / (fewer ? 2 : 1);
}

function show(some: readonly Result[]): void {
  results.push(...some);
  for (const text of resultLines(some)) console.log(text);
}
