/**
 * The worker in which a page's sessions run; the official client has a worker of its own below it.
 *
 * @module
 */
import { expose, type Endpoint } from 'comlink';

import { replyOf, type Reply } from './failures.js';
import type { PageService } from './page-service.js';
import { SharedTunnel } from './shared-tunnel.js';
import { TunnelGuest } from './tunnel-guest.js';
import type { TunnelService } from './tunnel-service.js';
import type { StateBoard } from './tunnel-state.js';
import { Tunnel, type TunnelOptions, type TunnelWatch } from './tunnel.js';

/** What of a tunnel, shared or not, the page's calls need. */
interface PageTunnel {
  readonly states: StateBoard;
  readonly service: TunnelService;
  hurry(): void;
  close(): Promise<void>;
}

let tunnel: PageTunnel | undefined;

const service: PageService = {
  start: (options, onProgress, onLog) =>
    replyOf(async () => {
      tunnel = await startTunnel(options, { onProgress, onLog });
    }),
  close: () => replyOf(async () => tunnel?.close()),
  open: (socket, upstream) => ask((to) => to.open(socket, upstream)),
  read: (socket) => ask((to) => to.read(socket)),
  write: (socket, bytes) => ask((to) => to.write(socket, bytes)),
  finish: (socket) => ask((to) => to.finish(socket)),
  ended: (socket) => ask((to) => to.ended(socket)),
  reset: (socket) => ask((to) => to.reset(socket)),
  inspect: async () => {
    const reply = await ask((to) => to.inspect());
    if (!reply.ok) return reply;
    // Another tab may hold the tunnel, and knows of its own part only.
    return { ok: true, value: { ...reply.value, state: started().states.state } };
  },
  nextState: (seen) => replyOf(() => started().states.next(seen)),
};

addEventListener('online', () => tunnel?.hurry());
// In a worker, this is the port to its page.
expose(service, globalThis as unknown as Endpoint);

/** An identity of its own is shared with the site's other tabs; what is thrown away afterwards is not. */
async function startTunnel(options: TunnelOptions, watch: TunnelWatch): Promise<PageTunnel> {
  const kept = options.clients === 'shared' && options.identity !== 'ephemeral';
  return kept ? SharedTunnel.start(options, watch) : ownTunnel(await Tunnel.start(options, watch));
}

function ownTunnel(own: Tunnel): PageTunnel {
  const guest = new TunnelGuest(own);
  return { states: own.states, service: guest, hurry: () => own.hurry(), close: () => own.close() };
}

function ask<T>(call: (to: TunnelService) => Promise<Reply<T>>): Promise<Reply<T>> {
  return call(started().service);
}

function started(): PageTunnel {
  if (!tunnel) throw new Error('The tunnel has not been started.');
  return tunnel;
}
