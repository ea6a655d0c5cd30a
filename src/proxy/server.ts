import type { MixnetClient } from '../mixnet/client.js';
import { Listeners } from '../mixnet/listeners.js';
import { SessionAcceptor } from '../session/acceptor.js';
import { SessionError } from '../session/errors.js';
import type { Session } from '../session/session.js';
import { joinStreams, type Connection } from './join.js';
import { FLUSH_MS } from './limits.js';
import { reportOf, type ProxyEvents } from './session-report.js';
import { Tasks } from './tasks.js';

/** What a {@link SessionServer} is made of. */
export interface SessionServerOptions {
  /** Opens a connection to the upstream; rejects with a {@link SessionError} that the opener is told. */
  readonly connectUpstream: (signal: AbortSignal) => Promise<Connection>;
  readonly closeTimeoutMs?: number;
}

/**
 * Forwards every session that arrives at a mixnet client to a connection of its own to the upstream. Both outlive the
 * client, if another one comes soon.
 */
export class SessionServer {
  readonly #options: SessionServerOptions;
  readonly #listeners = { session: new Listeners(), end: new Listeners(), error: new Listeners() } as {
    readonly [E in Exclude<keyof ProxyEvents, 'retry'>]: Listeners<ProxyEvents[E]>;
  };
  readonly #acceptor: SessionAcceptor;
  readonly #running = new Tasks();
  readonly #cut = new AbortController();
  #client: MixnetClient | undefined;
  #sessions = 0;

  constructor(options: SessionServerOptions) {
    const { closeTimeoutMs } = options;
    this.#options = options;
    this.#acceptor = new SessionAcceptor({
      onSession: (session) => this.#running.add(this.#forward(session)),
      ...(closeTimeoutMs !== undefined && { closeTimeoutMs }),
    });
  }

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends Exclude<keyof ProxyEvents, 'retry'>>(
    event: E,
    listener: (value: ProxyEvents[E]) => void,
  ): () => void {
    return this.#listeners[event].add(listener);
  }

  /**
   * Serves sessions over one client, those of the client before included, until the signal aborts or the client is lost.
   * The sessions then wait for another client under the same Nym address, for a limited time.
   */
  async serve(client: MixnetClient, signal: AbortSignal): Promise<void> {
    this.#client = client;
    this.#acceptor.serveOver(client);
    await goneOrAborted(client, signal);
  }

  /**
   * Resets every session and lets go of its upstream connection; the peers are told if there still is a client.
   *
   * @param reason if it is not that the server shuts down.
   */
  async close(reason?: SessionError): Promise<void> {
    await this.#acceptor.close(reason);
    await this.#client?.flush(FLUSH_MS);
    // What an upstream has not taken by then, it will not get.
    this.#cut.abort();
    await this.#running.ended();
  }

  async #forward(session: Session): Promise<void> {
    this.#sessions += 1;
    const number = this.#sessions;
    this.#listeners.session.call(reportOf(number, session));
    try {
      const upstream = await this.#connect(session);
      await joinStreams(session, upstream, this.#cut.signal);
      await session.closed;
      this.#listeners.end.call(reportOf(number, session));
    } catch (error) {
      const reason =
        error instanceof SessionError
          ? error
          : new SessionError('upstream-reset', 'us', undefined, { cause: error });
      session.reset(reason);
      await session.closed.catch(() => undefined);
      this.#listeners.error.call({ session: reportOf(number, session), error: reason });
    }
  }

  /** Connects to the upstream; gives up when the opener does. */
  async #connect(session: Session): Promise<Connection> {
    const control = new AbortController();
    const stop = (error?: unknown) => control.abort(error);
    session.closed.then(stop, stop);
    return this.#options.connectUpstream(control.signal);
  }
}

async function goneOrAborted(client: MixnetClient, signal: AbortSignal): Promise<void> {
  if (client.state !== 'ready' || signal.aborted) return;
  let stop: (() => void) | undefined;
  await new Promise<void>((resolve) => {
    const stopListening = client.on('state', () => resolve());
    const onAbort = () => resolve();
    signal.addEventListener('abort', onAbort);
    stop = () => {
      stopListening();
      signal.removeEventListener('abort', onAbort);
    };
  });
  stop?.();
}
