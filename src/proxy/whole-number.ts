/**
 * A whole number that somebody gave.
 *
 * @throws {RangeError} naming the option, unless it is one and within its range.
 */
export function wholeNumberOf(
  option: string,
  value: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  throw new RangeError(`${option} must be a whole number ${range}, not ${value}`);
}
