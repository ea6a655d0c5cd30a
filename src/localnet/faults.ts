import { LocalnetError } from './errors.js';

/** What goes wrong, on purpose, with packets between nodes. */
export interface Faults {
  /** Probability (0..1) that a packet handed from one node to the next is lost. */
  readonly loss: number;
  /** Probability (0..1) that a packet that is not lost is delivered twice. */
  readonly duplication: number;
  /** Time that each hand-over takes, in ms, at most 60,000. */
  readonly extraDelayMs: number;
}

export const NO_FAULTS: Faults = { loss: 0, duplication: 0, extraDelayMs: 0 };

const MAX_EXTRA_DELAY_MS = 60_000;

/**
 * Checks fault settings; what is left out is no fault.
 * @throws {LocalnetError} `bad-option` if a number is out of range
 */
export function checkedFaults(faults: Partial<Faults>): Faults {
  const { loss, duplication, extraDelayMs } = { ...NO_FAULTS, ...faults };
  requireWithin('loss', loss, 1, 'a probability');
  requireWithin('duplication', duplication, 1, 'a probability');
  requireWithin('extraDelayMs', extraDelayMs, MAX_EXTRA_DELAY_MS, 'a time in ms');
  return { loss, duplication, extraDelayMs };
}

function requireWithin(name: string, value: number, max: number, meaning: string): void {
  if (typeof value === 'number' && value >= 0 && value <= max) return;
  throw new LocalnetError(
    'bad-option',
    `fault ${name} is ${String(value)}; give ${meaning} from 0 to ${max}`,
  );
}

/** Numbers from 0 up to but not 1, evenly spread. */
export type RandomSource = () => number;

/**
 * The same numbers for the same seed: mulberry32 by Tommy Ettinger (public domain), good enough for dice.
 * @param seed any integer; its low 32 bits count
 */
export function seededRandom(seed: number): RandomSource {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
