import { proxy, releaseProxy, wrap } from 'comlink';

import { FLUSH_MS } from '../session/limits.js';
import { valueOf } from './failures.js';
import { Lifeline, withLifeline } from './lifeline.js';
import type { PageService } from './page-service.js';
import type { TunnelService } from './tunnel-service.js';
import type { TunnelOptions, TunnelWatch } from './tunnel.js';

/** Closing flushes twice at most, resets and clients; a worker that takes longer hangs. */
const CLOSE_LIMIT_MS = 3 * FLUSH_MS;

/** A page's tunnel worker, as the page sees it. */
export interface TunnelLink {
  readonly service: TunnelService;
  /** Ends the tunnel and the worker. Never rejects. */
  close(): Promise<void>;
}

/**
 * Starts a tunnel in a worker of its own.
 *
 * @throws {MixnetClientError} if it does not start.
 * @throws the signal's reason.
 */
export async function startTunnelWorker(
  options: TunnelOptions,
  watch: TunnelWatch,
  signal: AbortSignal | undefined,
): Promise<TunnelLink> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL('./tunnel-worker.js', import.meta.url), {
    type: 'module',
    name: 'nym-tcp-proxy',
  });
  const lifeline = new Lifeline();
  const remote = wrap<PageService>(worker);
  let ended = false;
  const end = (message: string) => {
    if (ended) return;
    ended = true;
    lifeline.cut({ kind: 'mixnet', code: 'state', message });
    remote[releaseProxy]();
    worker.terminate();
  };
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    lifeline.cut({ kind: 'mixnet', code: 'crashed', message: deathOf(event) });
  });
  const abort = () => end('The start was given up.');
  signal?.addEventListener('abort', abort);
  try {
    const { onProgress, onLog } = watch;
    valueOf(await lifeline.call(() => remote.start(options, proxy(onProgress), proxy(onLog))));
  } catch (error) {
    end('The tunnel did not start.');
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  return {
    service: withLifeline(remote, lifeline),
    close: async () => {
      const timer = setTimeout(() => lifeline.cut(hangs()), CLOSE_LIMIT_MS);
      await lifeline.call(() => remote.close());
      clearTimeout(timer);
      end('The proxy client is closed.');
    },
  };
}

function hangs() {
  return { kind: 'mixnet', code: 'crashed', message: 'The tunnel worker hangs.' } as const;
}

/** A worker whose script cannot be loaded reports a plain event without any reason. */
function deathOf(event: Event): string {
  return event instanceof ErrorEvent && event.message !== ''
    ? `The tunnel worker crashed: ${event.message}. Close this client and create another.`
    : "The script of the tunnel's worker could not be loaded. Check that the site serves it.";
}
