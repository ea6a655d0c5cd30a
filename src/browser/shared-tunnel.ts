import { backoffMs } from '../mixnet/backoff.js';
import { DEFAULT_CLIENT_ID } from '../mixnet/browser/index.js';
import { MixnetClientError } from '../mixnet/errors.js';
import { limitStart } from '../mixnet/start-limit.js';
import { joinTunnel, type JoinedTunnel } from './join-tunnel.js';
import { termsOf } from './lobby-messages.js';
import { Lobby } from './lobby.js';
import { holdLock } from '../mixnet/browser/web-locks.js';
import { tunnelLock } from './tab-names.js';
import { TunnelGuest } from './tunnel-guest.js';
import { followStates, type TunnelService } from './tunnel-service.js';
import { StateBoard, type TunnelState } from './tunnel-state.js';
import { Tunnel, type TunnelOptions, type TunnelWatch } from './tunnel.js';

/** How long a tab waits for an answer of the one that holds the tunnel. */
const SEARCH_TIME_LIMIT_MS = 60_000;

/** How long a new socket waits for another tab to take over from the one that held the tunnel. */
const TAKE_OVER_LIMIT_MS = 10_000;

/** Between two looks for a holder while there is none, as between two holders. */
const SEARCH_EVERY_MS = 100;

/**
 * The tunnel as one tab sees it: its own, or that of the tab that holds the identity. Every tab queues for the lock of
 * the identity; who gets it starts a mixnet client and admits the others, and when that tab goes, the next in the queue
 * takes over. Sockets do not survive that, since their sessions were the other client's; new ones wait for it.
 */
export class SharedTunnel {
  readonly states: StateBoard;
  readonly #options: TunnelOptions;
  readonly #watch: TunnelWatch;
  readonly #clientId: string;
  readonly #leaving: AbortController;
  #service: TunnelService;
  /** Ends the wait for somebody who holds the tunnel. */
  #found: ((service: TunnelService) => void) | undefined;
  #held: { readonly tunnel: Tunnel; readonly lobby: Lobby } | undefined;

  private constructor(
    options: TunnelOptions,
    watch: TunnelWatch,
    leaving: AbortController,
    first: Tunnel | JoinedTunnel,
    state: TunnelState,
    lock: Promise<() => void>,
  ) {
    this.#options = options;
    this.#watch = watch;
    this.#leaving = leaving;
    this.#clientId = clientIdOf(options);
    this.states = new StateBoard(state);
    if (first instanceof Tunnel) {
      this.#service = this.#hold(first);
    } else {
      this.#service = first.service;
      void this.#follow(first);
      lock.then(
        () => this.#takeOver(),
        () => undefined,
      );
    }
  }

  /**
   * Starts a mixnet client, or finds the tab that has.
   *
   * @throws {MixnetClientError} if the client does not start, or the other tab's tunnel is another one.
   */
  static async start(options: TunnelOptions, watch: TunnelWatch): Promise<SharedTunnel> {
    const leaving = new AbortController();
    const { signal } = leaving;
    const lock = holdLock(tunnelLock(clientIdOf(options)), signal);
    signal.addEventListener('abort', () => {
      lock.then(
        (release) => release(),
        () => undefined,
      );
    });
    const found = new AbortController();
    const search = limitStart(
      options.startTimeoutMs ?? SEARCH_TIME_LIMIT_MS,
      noAnswer(options),
      AbortSignal.any([signal, found.signal]),
    );
    try {
      for (;;) {
        const holder = await Promise.race([lock.then(() => undefined), findHolder(options, search.signal)]);
        if (!holder) break;
        const reply = await holder.service.nextState(0);
        // Otherwise it is gone again already.
        if (reply.ok)
          return new SharedTunnel(options, watch, leaving, holder, asGuest(reply.value.state), lock);
      }
      found.abort();
      const tunnel = await Tunnel.start(options, watch);
      return new SharedTunnel(options, watch, leaving, tunnel, tunnel.states.state, lock);
    } catch (error) {
      leaving.abort();
      throw error;
    } finally {
      found.abort();
      search.lift();
    }
  }

  /** Where calls go now. */
  get service(): TunnelService {
    return this.#service;
  }

  /** Tries at once what waits for its next try. */
  hurry(): void {
    this.#held?.tunnel.hurry();
  }

  /** Ends this tab's sockets, and the tunnel if it is this tab's. Never rejects. */
  async close(): Promise<void> {
    this.#held?.lobby.close();
    await this.#held?.tunnel.close();
    this.#leaving.abort();
  }

  /** This tab's own tunnel; the others may use it too. */
  #hold(tunnel: Tunnel): TunnelService {
    this.#held = { tunnel, lobby: new Lobby(this.#clientId, tunnel, termsOf(this.#options)) };
    const own = new TunnelGuest(tunnel);
    void followStates(own, 0, (state) => this.states.show(state));
    return own;
  }

  #takeOver(): void {
    if (this.#leaving.signal.aborted) return;
    this.#goTo(this.#hold(Tunnel.takeOver(this.#options, this.#watch)));
  }

  /** Stays with whoever holds the tunnel, until this tab does. */
  async #follow(first: JoinedTunnel): Promise<void> {
    const { signal } = this.#leaving;
    let joined: JoinedTunnel | undefined = first;
    while (joined) {
      const { leave } = joined;
      signal.addEventListener('abort', leave);
      void followStates(joined.service, 0, (state) => this.states.show(asGuest(state)));
      await joined.lost;
      signal.removeEventListener('abort', leave);
      if (this.#held || signal.aborted) return;
      this.#service = this.#untilFound(joined.service);
      this.states.show({
        state: 'waiting',
        reason: 'the tab that was connected is gone',
        retryMs: undefined,
      });
      joined = await this.#findNextHolder();
      if (joined) this.#goTo(joined.service);
    }
  }

  #goTo(service: TunnelService): void {
    this.#service = service;
    this.#found?.(service);
    this.#found = undefined;
  }

  /** What is asked of a tunnel that is lost, of which only new sockets have a future. */
  #untilFound(lost: TunnelService): TunnelService {
    const found = new Promise<TunnelService>((resolve) => (this.#found = resolve));
    const open = async (socket: number, upstream?: string) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<TunnelService>((resolve) => {
        timer = setTimeout(() => resolve(lost), TAKE_OVER_LIMIT_MS);
      });
      const service = await Promise.race([found, late]);
      clearTimeout(timer);
      return service.open(socket, upstream);
    };
    return { ...lost, open };
  }

  /** `undefined` once this tab is the holder, or has left. */
  async #findNextHolder(): Promise<JoinedTunnel | undefined> {
    const { signal } = this.#leaving;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const joined = await findHolder(this.#options, signal);
        if (!this.#isHolder()) return joined;
        joined.leave();
        return undefined;
      } catch (error) {
        if (this.#isHolder()) return undefined;
        // Another tab with other terms was first in the queue; this one's turn may come.
        const retryMs = backoffMs(failures);
        const reason = error instanceof Error ? error.message : String(error);
        this.states.show({ state: 'waiting', reason, retryMs });
        await new Promise((resolve) => setTimeout(resolve, retryMs));
        if (this.#isHolder()) return undefined;
      }
    }
    return undefined;
  }

  #isHolder(): boolean {
    return this.#held !== undefined;
  }
}

/** A state of the holder's, as its guests tell it. */
function asGuest(state: TunnelState): TunnelState {
  return state.state === 'ready' ? { ...state, role: 'guest' } : state;
}

function clientIdOf({ identity }: TunnelOptions): string {
  return (identity === 'ephemeral' ? undefined : identity.clientId) ?? DEFAULT_CLIENT_ID;
}

/** Looks for the tab that holds the tunnel, also while none does, until the signal aborts. */
async function findHolder(options: TunnelOptions, signal: AbortSignal): Promise<JoinedTunnel> {
  for (;;) {
    try {
      return await joinTunnel(clientIdOf(options), termsOf(options), signal);
    } catch (error) {
      const nobody = error instanceof MixnetClientError && error.code === 'state';
      if (!nobody) throw error;
      await new Promise((resolve) => setTimeout(resolve, SEARCH_EVERY_MS));
    }
  }
}

function noAnswer(options: TunnelOptions): MixnetClientError {
  return new MixnetClientError(
    'identity',
    `Another tab of this site holds the identity "${clientIdOf(options)}", but does not get connected. ` +
      'Look there, close it, or give another clientId.',
  );
}
