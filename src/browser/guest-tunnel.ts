import { DEFAULT_CLIENT_ID } from '../mixnet/browser/index.js';
import { MixnetClientError } from '../mixnet/errors.js';
import { limitStart } from '../mixnet/start-limit.js';
import type { Connect } from '../proxy/socket.js';
import { valueOf } from './failures.js';
import { joinTunnel } from './join-tunnel.js';
import { RemoteSocket } from './socket.js';
import type { TunnelSnapshot } from './tunnel-state.js';

/** A tunnel that a tab of this site holds, used from elsewhere: a service worker above all. */
export interface GuestTunnel {
  readonly connect: Connect;
  inspect(): Promise<TunnelSnapshot>;
  /** Settles when the tab no longer holds it; every socket is reset then. */
  readonly lost: Promise<void>;
  /** Ends this guest's sockets. */
  close(): void;
}

/** Options of {@link useTunnel}. */
export interface UseTunnelOptions {
  /** That of the tab's identity; default `nym-tcp-proxy`. */
  readonly clientId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long a tab that is still starting is waited for; default 2 000. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 2_000;

/**
 * Joins the tunnel of the tab that holds it, without ever starting a mixnet client.
 *
 * @throws {MixnetClientError} `state` if no tab does.
 * @throws the signal's reason.
 */
export async function useTunnel(options: UseTunnelOptions = {}): Promise<GuestTunnel> {
  const { clientId = DEFAULT_CLIENT_ID, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const tooLate = new MixnetClientError(
    'state',
    'The tab of this site that connects to the mixnet is not ready yet. Try again in a moment.',
  );
  const limit = limitStart(timeoutMs, tooLate, signal);
  try {
    const { service, lost, leave } = await joinTunnel(clientId, undefined, limit.signal);
    let sockets = 0;
    return {
      connect: (connectOptions) => {
        sockets += 1;
        return new RemoteSocket(service, sockets, connectOptions);
      },
      inspect: async () => valueOf(await service.inspect()),
      lost,
      close: leave,
    };
  } finally {
    limit.lift();
  }
}
