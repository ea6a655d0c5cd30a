/** The longest that a timer can wait, in seconds. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/**
 * Milliseconds of a number of seconds that somebody gave.
 *
 * @throws {RangeError} naming the option, unless it is above 0 and no timer's limit.
 */
export function millisecondsOf(option: string, seconds: number): number {
  if (seconds > 0 && seconds <= MAX_SECONDS) return seconds * 1000;
  throw new RangeError(
    `${option} must be a number of seconds above 0 and up to ${MAX_SECONDS}, not ${seconds}`,
  );
}
