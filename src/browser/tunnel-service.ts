import type { Reply } from './failures.js';
import type { NumberedState, TunnelSnapshot } from './tunnel-state.js';

/**
 * The tunnel as it is used from another thread or tab. Plain calls with plain data, so that it works over a worker's
 * port as over a BroadcastChannel. The caller numbers its sockets.
 *
 * Each call reads or writes a limited piece and is answered once that is done: this is what holds the faster side back.
 */
export interface TunnelService {
  /** Opens a socket; answered with the server's Nym address once a mixnet client carries it. */
  open(socket: number): Promise<Reply<string>>;
  /** The next bytes; `null` at the end. One call at a time. */
  read(socket: number): Promise<Reply<Uint8Array<ArrayBuffer> | null>>;
  write(socket: number, bytes: Uint8Array): Promise<Reply<void>>;
  /** Half-closes. */
  finish(socket: number): Promise<Reply<void>>;
  /** Answered when both directions have ended, or with why the session was reset. */
  ended(socket: number): Promise<Reply<void>>;
  /** Gives a socket up, whatever its state. */
  reset(socket: number): Promise<Reply<void>>;
  inspect(): Promise<Reply<TunnelSnapshot>>;
  /** The state, once it is another than number `seen`. */
  nextState(seen: number): Promise<Reply<NumberedState>>;
}
