import type { MixnetClient } from '../mixnet/client.js';
import { SYSTEM_CLOCK, type Clock } from './clock.js';
import type { SessionEngine } from './engine/engine.js';
import { SessionError } from './errors.js';
import { OpenerRouting, type OpeningOptions, type OpenOptions } from './opener-routing.js';
import { Session, type Deliver } from './session.js';

/** Options of a {@link SessionOpener}. */
export interface OpenerOptions extends OpeningOptions {
  readonly clock?: Clock | undefined;
}

interface Opened {
  readonly session: Session;
  readonly recipient: string;
}

/**
 * Opens sessions with any number of acceptors over one mixnet client, and hands each the messages that are its own. When
 * the client is lost, the sessions wait for another one.
 */
export class SessionOpener {
  readonly #routing: OpenerRouting;
  readonly #clock: Clock;
  readonly #sessions = new Map<SessionEngine, Opened>();
  #client: MixnetClient;
  #stopListening: () => void;

  constructor(client: MixnetClient, options: OpenerOptions = {}) {
    this.#routing = new OpenerRouting(options);
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#client = client;
    this.#stopListening = this.#listen();
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#routing.size;
  }

  /** As {@link OpenerRouting.remembered}. */
  get remembered(): number {
    return this.#routing.remembered;
  }

  /** SURBs that the acceptors have left to reply to this client, by our count. */
  get surbs(): number {
    return this.#routing.surbs;
  }

  /**
   * Opens a session. It never fails here: an acceptor that does not answer shows as a reset of the session.
   *
   * @param recipient Nym address of the acceptor.
   */
  open(recipient: string, options?: OpenOptions): Session {
    const { extendedPackets, state, lostReason } = this.#client;
    const engine = this.#routing.open(recipient, extendedPackets, this.#clock.now(), options);
    const session = new Session({ engine, deliver: this.#sendFor(engine, recipient), clock: this.#clock });
    this.#sessions.set(engine, { session, recipient });
    void session.drained.then(() => {
      this.#sessions.delete(engine);
      this.#routing.forget(engine);
    });
    if (state !== 'ready') session.pause(lostReason);
    return session;
  }

  /** Moves to another client, taking the sessions along, and detaches from the old one. */
  moveTo(client: MixnetClient): void {
    this.#stopListening();
    this.#client = client;
    this.#routing.migrate();
    this.#stopListening = this.#listen();
    for (const [engine, { session, recipient }] of this.#sessions)
      session.resume(this.#sendFor(engine, recipient), this.#routing.supplyFor(engine));
    this.#pauseIfClientIsGone();
  }

  /** Resets every session and detaches from the client, which stays open. Settles when the resets are handed over. */
  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()].map(({ session }) => session);
    for (const session of sessions) session.reset(new SessionError('aborted', 'us'));
    await Promise.all(sessions.map((session) => session.handedOver()));
    this.#stopListening();
    for (const session of sessions) session.abandon();
  }

  #listen(): () => void {
    const stops = [
      this.#client.on('message', ({ payload, senderTag }) => {
        // With a sender tag it is no reply.
        if (senderTag === undefined) this.#receive(payload);
      }),
      this.#client.on('state', () => this.#pauseIfClientIsGone()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #receive(payload: Uint8Array): void {
    const engine = this.#routing.receive(payload, this.#clock.now());
    if (engine) this.#sessions.get(engine)?.session.advance();
  }

  /** A message that a living client refuses will never be sent. */
  #sendFor(engine: SessionEngine, recipient: string): Deliver {
    const client = this.#client;
    return async ({ payload, replySurbs }) => {
      try {
        await client.send(recipient, payload, replySurbs);
      } catch (cause) {
        if (client.state !== 'ready') throw cause;
        const reason = new SessionError('lost', 'us', 'the mixnet client took no message', { cause });
        this.#sessions.get(engine)?.session.reset(reason);
      }
    };
  }

  #pauseIfClientIsGone(): void {
    if (this.#client.state === 'ready') return;
    for (const { session } of this.#sessions.values()) session.pause(this.#client.lostReason);
  }
}
