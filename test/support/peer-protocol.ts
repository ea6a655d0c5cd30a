import type { NymProxyClientOptions } from '../../src/node/proxy-client.js';
import type { NymProxyServerOptions } from '../../src/node/proxy-server.js';

/** What a parent asks of a peer's process; all that is in it can be cloned. */
export type PeerRequest =
  | { readonly kind: 'server'; readonly options: Omit<NymProxyServerOptions, 'signal'> }
  | {
      readonly kind: 'client';
      readonly name: string;
      readonly options: Omit<NymProxyClientOptions, 'signal'>;
    }
  | { readonly kind: 'close'; readonly name: string }
  | { readonly kind: 'sample' };

/** What it answers: a server's Nym address, a client's port, nothing, or a {@link Sample}. */
export type PeerAnswer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** A session in the process was reset, or could not be opened. */
export interface PeerReset {
  /** The client's name, or `server`. */
  readonly name: string;
  readonly code: string;
}

/** What a process holds, after its garbage was collected. */
export interface Sample {
  readonly rssMiB: number;
  readonly heapMiB: number;
  /** Open file descriptors, where the system tells (Linux). */
  readonly descriptors: number | undefined;
  /** What keeps the event loop alive, without its timers. */
  readonly handles: number;
  readonly sessionsOpen: number;
}
