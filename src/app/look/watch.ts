import type { NymProxyClient, TunnelSnapshot } from '../../browser/index.js';

/** A look at the tunnel, and what changed since the one before. */
export interface Look {
  readonly snapshot: TunnelSnapshot;
  /** As of `performance.now()`. */
  readonly at: number;
  /** Bytes of all sessions per second, since the look before. */
  readonly up: number;
  readonly down: number;
}

const EVERY_MS = 500;

/** Looks twice a second, until the signal aborts. */
export function watchTunnel(
  client: Pick<NymProxyClient, 'inspect'>,
  signal: AbortSignal,
  onLook: (look: Look) => void,
): void {
  let last: { readonly snapshot: TunnelSnapshot; readonly at: number } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async () => {
    try {
      const snapshot = await client.inspect();
      if (signal.aborted) return;
      const at = performance.now();
      const seconds = last ? (at - last.at) / 1000 : 0;
      // Another tab that takes over counts from zero.
      const perSecond = (now: number, before: number) =>
        seconds > 0 ? Math.max(0, now - before) / seconds : 0;
      onLook({
        snapshot,
        at,
        up: last ? perSecond(snapshot.bytesSent, last.snapshot.bytesSent) : 0,
        down: last ? perSecond(snapshot.bytesReceived, last.snapshot.bytesReceived) : 0,
      });
      last = { snapshot, at };
    } catch {
      // While tabs change places nobody answers; the header says so.
    }
    if (!signal.aborted) timer = setTimeout(() => void look(), EVERY_MS);
  };
  signal.addEventListener('abort', () => clearTimeout(timer));
  void look();
}

/** A session without any answer for so long is worth a word. */
const PATIENCE_MS = 8_000;

/** Seconds for which the server has not answered at all, for the session that waits longest; 0 if none waits long. */
export function silentSeconds({ sessions }: TunnelSnapshot, now: number): number {
  const waiting = sessions.filter(({ state, bytesSent, bytesReceived, roundTripMs }) => {
    return state === 'open' && bytesSent > 0 && bytesReceived === 0 && roundTripMs === undefined;
  });
  const waited = Math.max(0, ...waiting.map(({ openedAt }) => now - openedAt));
  return waited >= PATIENCE_MS ? Math.floor(waited / 1000) : 0;
}
