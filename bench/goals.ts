import type { TrafficProfile } from '../src/mixnet/options.js';
import { CORES } from './machine.js';
import type { PolicyName } from './policy.js';
import type { Result } from './result.js';
import { nameOf, SEVERAL_LANES } from './lanes.js';
import { ofLimit } from './table.js';

/** A ratio that this project wants to reach. */
interface Goal {
  readonly what: string;
  /** `undefined` if it was not measured. */
  readonly ratio: number | undefined;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** What was measured beside it that explains a miss. */
  readonly because?: string | undefined;
}

const BULKY = ['an upload', 'a download'] as const;

/** Each goal that was measured, what came out, and if it was missed, what the limit was. */
export function goalLines(results: readonly Result[]): string[] {
  const measured = goalsOf(results).filter(({ ratio }) => ratio !== undefined);
  return measured.length === 0 ? [] : ['Goals, as ratios of this run', ...measured.map(lineOf)];
}

function goalsOf(results: readonly Result[]): Goal[] {
  const find = (name: string, traffic: TrafficProfile, policy: PolicyName = 'ours') =>
    results.find((result) => result.name === name && result.traffic === traffic && result.policy === policy);
  const median = (...args: Parameters<typeof find>) => find(...args)?.value.median;
  const share = (...args: Parameters<typeof find>) => {
    const result = find(...args);
    return result && ofLimit(result);
  };
  const roundTrip = 'round trip, new session';
  const floor = ratio(1, share(roundTrip, 'default'));
  const alone = ratio(1, share('official client alone', 'default'));
  const few = median('round trip with 10 open sessions', 'fast');
  const many = find('round trip with 1000 open sessions', 'fast');
  return [
    {
      what: 'round trip, default, new session: of the Rust policy',
      ratio: ratio(median(roundTrip, 'default'), median(roundTrip, 'default', 'rust')),
      atMost: 0.25,
    },
    {
      what: 'the same: of what mixes and slots take',
      ratio: floor,
      atMost: 1.4,
      because: alone === undefined ? undefined : `the official client alone takes ${alone.toFixed(2)}`,
    },
    { ...transfer('upload', 'default'), atLeast: 0.95 },
    { ...transfer('download', 'default'), atLeast: 0.9 },
    { ...transfer('upload', 'bulk'), atLeast: 0.9 },
    { ...transfer('download', 'bulk'), atLeast: 0.9 },
    {
      what: 'upload, bulk: of the Rust policy, default',
      ratio: ratio(median('upload', 'bulk'), median('upload', 'default', 'rust')),
      atLeast: 100,
    },
    {
      what: 'download, bulk: of the Rust policy, default',
      ratio: ratio(median('download', 'bulk'), median('download', 'default', 'rust')),
      atLeast: 100,
      because: slotsAllow(find('download', 'bulk'), median('download', 'default', 'rust')),
    },
    ...(['default', 'bulk', 'fast'] as const).flatMap((traffic) =>
      BULKY.map((transfer) => ({
        what: `round trip beside ${transfer}, ${traffic}: of the idle one`,
        ratio: ratio(1, share(`round trip beside ${transfer}`, traffic)),
        atMost: 2,
      })),
    ),
    ...(['default', 'bulk'] as const).flatMap((traffic) =>
      (['up', 'down'] as const).map((direction) => {
        const several = find(nameOf(direction, SEVERAL_LANES), traffic);
        return {
          what: `${nameOf(direction, SEVERAL_LANES)}, ${traffic}: of one`,
          ratio: ratio(several?.value.median, median(nameOf(direction, 1), traffic)),
          atLeast: 3.4,
          because: busyText(several),
        };
      }),
    ),
    {
      what: 'round trip with 1000 open sessions: of that with 10',
      ratio: ratio(many?.value.median, few),
      atMost: 1.5,
    },
    { what: 'server with 1000 open sessions, MB of 300', ratio: ratio(megabytes(many), 300), atMost: 1 },
  ];

  function transfer(name: string, traffic: TrafficProfile) {
    const result = find(name, traffic);
    return {
      what: `${name}, ${traffic}: of its slots`,
      ratio: result && ofLimit(result),
      because: busyText(result),
    };
  }
}

function lineOf({ what, ratio: value = NaN, atMost, atLeast, because }: Goal): string {
  const goal = atMost === undefined ? `at least ${atLeast ?? 0}` : `at most ${atMost}`;
  // What is printed is what is judged.
  const shown = value >= 10 ? value.toFixed(0) : value.toFixed(2);
  const met = Number(shown) <= (atMost ?? Infinity) && Number(shown) >= (atLeast ?? -Infinity);
  const verdict = met ? 'met' : `missed${because === undefined ? '' : `: ${because}`}`;
  return `  ${what.padEnd(58)} ${shown.padStart(6)}  ${goal.padEnd(14)} ${verdict}`;
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

function busyText(result: Result | undefined): string | undefined {
  const busy = result?.notes?.['coresBusy'];
  return busy === undefined ? undefined : `${busy.toFixed(2)} of ${CORES} cores were busy`;
}

function slotsAllow(ours: Result | undefined, rust: number | undefined): string | undefined {
  const most = ratio(ours?.limit, rust);
  return most === undefined ? undefined : `the slots allow ${most.toFixed(0)}`;
}

function megabytes(result: Result | undefined): number | undefined {
  const mebibytes = result?.notes?.['serverMiB'];
  return mebibytes === undefined ? undefined : (mebibytes * 1024 * 1024) / 1e6;
}
