import type { MixnetClient } from './client.js';
import { MixnetClientError } from './errors.js';
import { isSameSecond } from './start-failure.js';

/** Timestamps have whole seconds, and a clock may be read a little before it was. */
const NEXT_SECOND_MS = 1_050;

/** How often a start is made again because it came within the second of the one before. */
const SAME_SECOND_TRIES = 3;

/**
 * Starts a client at the first of these gateways that takes it: one may be down, or give bandwidth only for credentials.
 *
 * @param gateways base58 identities, in the order in which to try them; at least one.
 * @throws {MixnetClientError} `gateway`, when all were tried, with what the first one said in front. Other errors end it
 *   at once.
 * @throws the signal's reason if it aborts; what the gateways said until then is passed to `onRefused`.
 */
export async function startAtOneOf(
  gateways: readonly string[],
  start: (gateway: string) => Promise<MixnetClient>,
  signal: AbortSignal,
  onRefused: (error: MixnetClientError) => void,
): Promise<MixnetClient> {
  const refusals: MixnetClientError[] = [];
  for (const gateway of gateways) {
    try {
      return await startInAnotherSecond(() => start(gateway), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MixnetClientError) || error.code !== 'gateway') throw error;
      refusals.push(error);
      onRefused(error);
    }
  }
  const [first] = refusals;
  if (first === undefined) throw new RangeError('There is no gateway to try.');
  if (refusals.length === 1) throw first;
  throw new MixnetClientError(
    'gateway',
    `${first.message} None of the ${refusals.length} gateways of the network took the client.`,
    { cause: new AggregateError(refusals) },
  );
}

/** A gateway refuses a client that has authenticated in the same second before, which a quick restart does. */
async function startInAnotherSecond(
  start: () => Promise<MixnetClient>,
  signal: AbortSignal,
): Promise<MixnetClient> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries >= SAME_SECOND_TRIES || !isSameSecond(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, NEXT_SECOND_MS));
      signal.throwIfAborted();
    }
  }
}
