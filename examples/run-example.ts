import { setMaxListeners } from 'node:events';

/**
 * Runs an example to its exit code: 0 if it went well, 1 if not, 2 if its arguments are wrong.
 *
 * @param readArguments what the arguments come to; `undefined` if they ask for help only, which it has given then. Throws
 *   an `Error` that says what is wrong with them.
 */
export async function runExample<O>(
  readArguments: () => O | undefined,
  example: (options: O, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  let options: O | undefined;
  try {
    options = readArguments();
  } catch (error) {
    console.error(`${reasonOf(error).replace(/\.?$/, '.')} See --help.`);
    return 2;
  }
  if (options === undefined) return 0;
  const stop = new AbortController();
  // Every connection listens to it, and they are more than Node expects.
  setMaxListeners(0, stop.signal);
  // Once: a second signal ends the process as if it were not handled.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  try {
    await example(options, stop.signal);
    return 0;
  } catch (error) {
    console.error(stop.signal.aborted ? 'It was interrupted.' : reasonOf(error));
    return 1;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
