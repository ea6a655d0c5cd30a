import type { StartStep } from '../mixnet/start.js';
import type { Reply } from './failures.js';
import type { TunnelService } from './tunnel-service.js';
import type { TunnelOptions } from './tunnel.js';

/** What a page's tunnel worker does for its page. */
export interface PageService extends TunnelService {
  /**
   * Comes before everything else, once.
   *
   * @param onProgress told of each step, if it is this tab that starts a mixnet client.
   * @param onLog gets what the official client writes to its console.
   */
  start(
    options: TunnelOptions,
    onProgress: (step: StartStep) => void,
    onLog: (line: string) => void,
  ): Promise<Reply<void>>;
  /** Ends this page's sockets, and the tunnel if no other tab holds it. Comes last. */
  close(): Promise<Reply<void>>;
}
