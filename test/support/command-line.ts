import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The options that the command of that name was given. Others than it has end the process: one line, and 2. */
export function commandOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  options: T,
): ReturnType<typeof parseArgs<{ options: T }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${command}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(2);
  }
}

/**
 * A number from the line of the command of that name. Anything else ends the process: one line, and 2.
 *
 * @param above what it must be above, and `whole` whether it must have no fraction.
 */
export function commandNumber(
  command: string,
  option: string,
  text: string | number,
  { above = -Infinity, whole = true }: { readonly above?: number; readonly whole?: boolean } = {},
): number {
  const value = typeof text === 'number' ? text : text.trim() === '' ? NaN : Number(text);
  if (value > above && (whole ? Number.isSafeInteger(value) : Number.isFinite(value))) return value;
  const kind = whole ? 'whole number' : 'number';
  const range = above === -Infinity ? '' : ` above ${above}`;
  console.error(`${command}: ${option} is "${text}"; give a ${kind}${range}.`);
  process.exit(2);
}
