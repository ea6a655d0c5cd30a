/** An option cannot be used; the message says which, and what it may be. */
export class OptionError extends RangeError {
  readonly code = 'option';
}

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
 * @throws {OptionError} naming the option, unless it is a whole number within the range.
 */
export function wholeNumberOf(option: string, value: number, range: Range = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const allowed = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  throw new OptionError(`${option} must be a whole number ${allowed}, not ${shown(value)}`);
}

const MAX_TIMER_S = Math.floor(MAX_TIMER_MS / 1000);

/**
 * Checks an option that is a number of seconds, and returns it in milliseconds.
 *
 * @throws {OptionError} naming the option, unless it is above 0 and a timer can wait so long.
 */
export function millisecondsOf(option: string, seconds: number): number {
  if (seconds > 0 && seconds <= MAX_TIMER_S) return seconds * 1000;
  throw new OptionError(
    `${option} must be a number of seconds above 0 and up to ${MAX_TIMER_S}, not ${seconds}`,
  );
}

/**
 * Checks an option that is one of a few words, and returns it.
 *
 * @throws {OptionError} naming the option and the words.
 */
export function oneOf<T extends string>(option: string, value: T, words: readonly T[]): T {
  if (words.includes(value)) return value;
  throw new OptionError(`${option} must be one of ${words.join(', ')}, not ${shown(value)}`);
}

/**
 * Checks that somebody gave an object with no other members than these.
 *
 * @param what the object is called.
 * @throws {OptionError} naming what is unknown.
 */
export function knownMembers(what: string, given: unknown, members: readonly string[]): void {
  if (typeof given !== 'object' || given === null) {
    throw new OptionError(`${what} must be an object, not ${shown(given)}`);
  }
  const unknown = Object.keys(given).find((member) => !members.includes(member));
  if (unknown !== undefined) {
    throw new OptionError(`${what} has no "${unknown}"; it has ${members.join(', ')}`);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}
