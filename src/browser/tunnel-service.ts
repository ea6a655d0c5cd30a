import type { Failure, Reply } from './failures.js';
import type { NumberedState, TunnelSnapshot, TunnelState } from './tunnel-state.js';

/**
 * The tunnel as it is used from another thread or tab. Plain calls with plain data, so that it works over a worker's
 * port as over a BroadcastChannel. The caller numbers its sockets.
 *
 * Each call reads or writes a limited piece and is answered once that is done: this is what holds the faster side back.
 */
export interface TunnelService {
  /** Opens a socket to the server's upstream of that name, or the usual one; answered with the server's Nym address once a mixnet client carries it. */
  open(socket: number, upstream?: string): Promise<Reply<string>>;
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

/**
 * Shows every state after number `seen`, until the service has no more of them.
 *
 * @returns why.
 */
export async function followStates(
  service: Pick<TunnelService, 'nextState'>,
  seen: number,
  show: (state: TunnelState) => void,
): Promise<Failure> {
  for (let last = seen; ;) {
    const reply = await service.nextState(last);
    if (!reply.ok) return reply.failure;
    last = reply.value.number;
    show(reply.value.state);
  }
}
