/** The longest time in ms that `setTimeout` can wait. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The range of a number; both ends belong to it. */
export interface Range {
  /** 0 unless given. */
  readonly min?: number;
  /** No limit unless given. */
  readonly max?: number;
}

/**
 * Checks an option that is a whole number, and returns it.
 *
 * @throws {RangeError} naming the option, unless it is a whole number within the range.
 */
export function wholeNumberOf(option: string, value: number, range: Range = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const allowed = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  throw new RangeError(`${option} must be a whole number ${allowed}, not ${value}`);
}

const MAX_TIMER_S = Math.floor(MAX_TIMER_MS / 1000);

/**
 * Checks an option that is a number of seconds, and returns it in milliseconds.
 *
 * @throws {RangeError} naming the option, unless it is above 0 and a timer can wait so long.
 */
export function millisecondsOf(option: string, seconds: number): number {
  if (seconds > 0 && seconds <= MAX_TIMER_S) return seconds * 1000;
  throw new RangeError(
    `${option} must be a number of seconds above 0 and up to ${MAX_TIMER_S}, not ${seconds}`,
  );
}
