/**
 * What the thread that owns a mixnet client and the worker that runs it say to each other.
 *
 * @module
 */
import type { ClientTraffic } from './client.js';

/** To the worker. `id`s are answered by `done` or `refused`. */
export type ToWorker =
  | {
      readonly kind: 'send';
      readonly id: number;
      readonly recipient: string;
      readonly payload: Uint8Array;
      readonly replySurbs: number;
    }
  | { readonly kind: 'reply'; readonly id: number; readonly senderTag: string; readonly payload: Uint8Array }
  | { readonly kind: 'flush'; readonly id: number }
  /** Answered by `traffic`. */
  | { readonly kind: 'count'; readonly id: number };

/** What the worker has reached on its way to a running client: see `StartStep`. */
export type ConnectStep = 'keys' | 'gateway';

/** From the worker. */
export type FromWorker =
  /** The official client runs. `database` is to be kept for its next start; its content is the worker's affair. */
  | { readonly kind: 'started'; readonly address: string; readonly database: Uint8Array | undefined }
  /** The official client did not start; its own words. */
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'message';
      readonly payload: Uint8Array;
      readonly senderTag: string | undefined;
    }
  | { readonly kind: 'reached'; readonly step: ConnectStep }
  | { readonly kind: 'traffic'; readonly id: number; readonly traffic: ClientTraffic }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'refused'; readonly id: number; readonly reason: string }
  /** The gateway is gone, or the official client no longer listens to it. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** Sent every {@link ALIVE_EVERY_MS}, so that a worker that hangs can be told from one with nothing to say. */
  | { readonly kind: 'alive' }
  /** A line that the official client wrote to the console. */
  | { readonly kind: 'log'; readonly line: string };

export const ALIVE_EVERY_MS = 10_000;
