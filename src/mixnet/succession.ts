import { Backoff } from './backoff.js';
import type { MixnetClient } from './client.js';
import { orAborted } from './or-aborted.js';

/** Starts one mixnet client; must settle, soon after the signal aborts too. */
export type StartClient = (signal?: AbortSignal) => Promise<MixnetClient>;

/** How one mixnet client follows another. */
export interface SuccessionOptions {
  /** The first one. */
  readonly client: MixnetClient;
  /** Starts the next one, under the same Nym address if there is an identity that is kept. */
  readonly start: StartClient;
  /** Uses a client until it is lost or the signal aborts. What it throws ends the succession. */
  readonly use: (client: MixnetClient) => Promise<void>;
  /** Told before each start of why there is one, and of how far away it is. */
  readonly onRetry: (error: unknown, retryMs: number) => void;
  /** Told when the next client is there, and how long there was none. */
  readonly onRecovery?: ((outageMs: number) => void) | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Uses one mixnet client after another: when one is lost it is closed, and the next one is started, at growing intervals
 * until it works. Settles when the signal aborts; the client in use, if there is one, is left to the caller.
 *
 * @throws what `use` throws.
 */
export async function useInSuccession(options: SuccessionOptions): Promise<void> {
  const { use, onRecovery, signal } = options;
  const backoff = new Backoff();
  let client: MixnetClient | undefined = options.client;
  while (client !== undefined) {
    await use(client);
    if (signal.aborted) return;
    const { lostReason }: MixnetClient = client;
    await client.close();
    client = await startAgain(options, backoff, lostReason);
    if (client !== undefined) {
      const outageMs = backoff.started() ?? 0;
      onRecovery?.(outageMs);
    }
  }
}

/** Settles when the client is not ready any more, or the signal aborts. */
export async function lostOrAborted(client: MixnetClient, signal: AbortSignal): Promise<void> {
  if (client.state !== 'ready' || signal.aborted) return;
  let stopListening: (() => void) | undefined;
  const lost = new Promise<void>((resolve) => (stopListening = client.on('state', () => resolve())));
  await orAborted(lost, signal).catch(() => undefined);
  stopListening?.();
}

/** Tries until it works; `undefined` if the signal aborts meanwhile. */
async function startAgain(
  { start, onRetry, signal }: SuccessionOptions,
  backoff: Backoff,
  reason: unknown,
): Promise<MixnetClient | undefined> {
  let error = reason;
  for (;;) {
    const retryMs = backoff.failed();
    onRetry(error, retryMs);
    try {
      await pause(retryMs, signal);
      return await start(signal);
    } catch (failure) {
      if (signal.aborted) return undefined;
      error = failure;
    }
  }
}

/** @throws the signal's reason if it aborts meanwhile. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await orAborted(over, signal).finally(() => clearTimeout(timer));
}
