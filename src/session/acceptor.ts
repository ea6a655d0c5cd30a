import type { MixnetClient } from '../mixnet/client.js';
import { AcceptorRouting, type Effect, type RoutingOptions } from './acceptor-routing.js';
import { SYSTEM_CLOCK, type Clock } from './clock.js';
import type { SessionEngine } from './engine/engine.js';
import { SessionError } from './errors.js';
import { LAST_WORDS_MS } from './limits.js';
import { Session, type Deliver } from './session.js';

/** Options of a {@link SessionAcceptor}. */
export interface AcceptorOptions extends Omit<RoutingOptions, 'newInstance'> {
  /** Called with every new session and the sender tag of its opener. */
  readonly onSession: (session: Session, senderTag: string) => void;
  readonly clock?: Clock | undefined;
}

/**
 * Accepts sessions over one mixnet client, and hands each the messages that are its own. When the client is lost, the
 * sessions wait for another one under the same Nym address.
 */
export class SessionAcceptor {
  readonly #options: AcceptorOptions;
  readonly #clock: Clock;
  readonly #routing: AcceptorRouting;
  readonly #sessions = new Map<SessionEngine, Session>();
  #client: MixnetClient | undefined;
  #stopListening: () => void = () => undefined;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#routing = new AcceptorRouting(options);
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#routing.size;
  }

  /** As {@link AcceptorRouting.remembered}. */
  get remembered(): number {
    return this.#routing.remembered;
  }

  /** Accepts sessions over this client, and goes on with those of the client before. */
  serveOver(client: MixnetClient): void {
    this.#stopListening();
    this.#client = client;
    this.#routing.useClient(client);
    const stops = [
      client.on('message', ({ payload, senderTag }) => {
        // Without a sender tag there is no way to answer.
        if (senderTag !== undefined) this.#receive(payload, senderTag);
      }),
      client.on('state', () => this.#pauseIfClientIsGone()),
    ];
    this.#stopListening = () => {
      for (const stop of stops) stop();
    };
    for (const [engine, session] of this.#sessions) session.resume(this.#replyFor(engine, client), undefined);
    this.#pauseIfClientIsGone();
  }

  /**
   * Takes no new sessions, resets the open ones and detaches from the client, which stays open. Settles when the resets
   * were handed over and had the time to get the SURBs that they lack.
   */
  async close(error = new SessionError('gone', 'us', 'the server is shutting down')): Promise<void> {
    this.#stopListening();
    const sessions = [...this.#sessions];
    const answerable = this.#client?.state === 'ready';
    // Those that are closing have their own reason, which their peers may not have been told yet.
    for (const [engine, session] of sessions) if (engine.phase === 'open') session.reset(error);
    await Promise.all(sessions.map(([, session]) => session.handedOver()));
    const untold = sessions.some(([engine]) => engine.phase !== 'drained');
    if (answerable && untold) await new Promise<void>((resolve) => this.#clock.after(LAST_WORDS_MS, resolve));
    // What has not been sent by now never will be, so a peer must not wait for it.
    for (const [, session] of sessions) session.reset(error);
    await Promise.all(sessions.map(([, session]) => session.handedOver()));
    for (const [, session] of sessions) session.abandon();
  }

  #pauseIfClientIsGone(): void {
    if (this.#client === undefined || this.#client.state === 'ready') return;
    for (const session of this.#sessions.values()) session.pause(this.#client.lostReason);
  }

  #receive(payload: Uint8Array, senderTag: string): void {
    for (const effect of this.#routing.receive(payload, senderTag, this.#clock.now())) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    if (effect.kind === 'accepted') this.#serve(effect.engine, effect.senderTag);
    else if (effect.kind === 'changed') this.#sessions.get(effect.engine)?.advance();
    else this.#client?.reply(effect.senderTag, effect.payload).catch(() => undefined);
  }

  #serve(engine: SessionEngine, senderTag: string): void {
    if (this.#client === undefined) return;
    const { onSession, clock } = this.#options;
    const session = new Session({ engine, clock, deliver: this.#replyFor(engine, this.#client) });
    this.#sessions.set(engine, session);
    void session.drained.then(() => {
      this.#sessions.delete(engine);
      this.#routing.forget(engine);
    });
    onSession(session, senderTag);
  }

  /** A message that a living client refuses will never be sent. */
  #replyFor(engine: SessionEngine, client: MixnetClient): Deliver {
    return async ({ payload }) => {
      const senderTag = this.#routing.senderTagOf(engine);
      if (senderTag === undefined) return;
      try {
        await client.reply(senderTag, payload);
      } catch (cause) {
        if (client.state !== 'ready') throw cause;
        const reason = new SessionError('lost', 'us', 'the mixnet client took no message', { cause });
        this.#sessions.get(engine)?.reset(reason);
      }
    };
  }
}
