import { DEFAULT_REPLY_SURB_RESERVE } from '../../src/mixnet/options.js';
import { opensSession } from '../../src/session/acceptor.js';
import { SessionEngine } from '../../src/session/engine.js';
import type { Envelope, SessionMessage } from '../../src/session/envelope.js';
import { SessionError } from '../../src/session/errors.js';
import type { OutgoingMessage } from '../../src/session/message-packer.js';
import { PROXY_ENVELOPE } from '../../src/session/proxy-envelope.js';
import { ReplyStock } from '../../src/session/reply-stock.js';
import type { EngineOptions } from '../../src/session/session-state.js';
import { SurbStock } from '../../src/session/surb-stock.js';
import { decodeFrames, encodeFrames } from '../../src/wire/frame.js';
import { replyPackets } from '../../src/wire/packet-count.js';
import type { SessionId } from '../../src/wire/session-id.js';
import { Agenda } from './agenda.js';

/** What the mixnet does to one message: when each copy arrives, in ms after it was sent; none is a loss. */
export type Fate = readonly number[];

/** One end's application: what it writes, whether it closes afterwards, and how fast it reads. */
export interface Application {
  readonly writes: readonly Uint8Array[];
  /** Time between two writes, and between two reads. */
  readonly writeEveryMs: number;
  readonly readEveryMs: number;
  /** Reads nothing before this time. */
  readonly readFromMs?: number;
  /** Gives the session up at this time. */
  readonly resetAtMs?: number | undefined;
}

/** What befalls one end. */
export type Fault = ClientFault | Sleep | Restart;

/** The end's mixnet client dies, and is replaced by another one. */
export interface ClientFault {
  readonly kind: 'client';
  readonly end: 'opener' | 'acceptor';
  readonly at: number;
  /** What the client was given in so many ms before its death has not left it. */
  readonly heldMs: number;
  /** Until the end hears of it. */
  readonly noticedAfterMs: number;
  /** From then on, until there is another; `Infinity` for never. */
  readonly absentMs: number;
  /** Whether the gateway keeps what arrives for an acceptor meanwhile. */
  readonly stored: boolean;
}

/** The end does nothing for a while, and its clock jumps: a laptop sleeps. What arrives meanwhile waits. */
export interface Sleep {
  readonly kind: 'sleep';
  readonly end: 'opener' | 'acceptor';
  readonly at: number;
  readonly forMs: number;
}

/**
 * The acceptor's process dies and another one comes, under the same address, which knows nothing. Its upstream is
 * connected to anew, and says what {@link World.restarted} tells.
 */
export interface Restart {
  readonly kind: 'restart';
  readonly at: number;
  /** As of a {@link ClientFault}. */
  readonly heldMs: number;
  readonly absentMs: number;
  readonly stored: boolean;
}

export interface World {
  readonly opener: Application;
  readonly acceptor: Application;
  /** What an acceptor is after so many restarts; the same as before them unless given. */
  readonly restarted?: (restarts: number) => Application;
  readonly fate: (direction: 'up' | 'down', index: number) => Fate;
  readonly faults?: readonly Fault[];
  /** As the TCP proxy's unless given. */
  readonly envelope?: Envelope;
  readonly sessionId?: SessionId;
  readonly idleTimeoutMs?: number | undefined;
  readonly startWithFrames?: boolean;
  /** Sees every message that an end hands to its mixnet client. */
  readonly watch?: (direction: 'up' | 'down', message: OutgoingMessage, at: number) => void;
  /** The end of the world, in ms. */
  readonly until: number;
}

/** What became of one end. */
export interface End {
  readonly engine: SessionEngine;
  readonly received: Uint8Array;
  readonly sawEnd: boolean;
  readonly messages: number;
  readonly mostUnread: number;
  readonly mostUnacknowledged: number;
  readonly error: SessionError | undefined;
  /** When the session ended here. */
  readonly endedAt: number | undefined;
}

/** What became of the world. */
export interface Aftermath {
  readonly opener: End;
  /** The last one. */
  readonly acceptor: End;
  /** The one after each number of restarts, where there was one. Those that died with their process never ended. */
  readonly acceptors: ReadonlyMap<number, End>;
  /** SURBs that the opener has given. */
  readonly surbs: number;
  /** SURBs that the acceptor's replies have spent. */
  readonly surbsSpent: number;
  /** Replies for which the acceptor's official client would have had to ask for SURBs. */
  readonly repliesWithoutSurbs: number;
  readonly endedAt: number;
}

/** A mixnet client, which is nothing but a name that dies. */
interface Client {
  readonly tag: number;
  diedAt: number;
  /** What was given to it from then on is lost. */
  lostFrom: number;
  /** The sender tags that SURBs have come from. */
  readonly repliable: Set<number>;
  /** How many of them are left, of each sender. */
  readonly surbs: Map<number, number>;
  /** What an acceptor over this client knows of their SURBs. */
  readonly stocks: Map<number, ReplyStock>;
}

const CLOSE_TIMEOUT_MS = 60_000;

/** Two session engines over an imagined mixnet with an imagined clock. The same world always goes the same way. */
export function simulate(world: World): Aftermath {
  return new Simulation(world).run();
}

class Simulation {
  readonly #world: World;
  readonly #agenda = new Agenda();
  readonly #envelope: Envelope;
  readonly #common: Omit<EngineOptions, 'surbs' | 'now'>;
  /** What came before the acceptor's session was open. */
  readonly #early: { message: SessionMessage; tag: number }[] = [];
  readonly #opener: LiveEnd;
  #acceptor: LiveEnd | undefined;
  readonly #acceptors = new Map<number, LiveEnd>();
  #restarts = 0;
  /** Whether the acceptor has heard that a session is given up which it does not know. */
  #refused = false;
  #stock = new SurbStock();
  #now = 0;
  #surbs = 0;
  #surbsSpent = 0;
  #repliesWithoutSurbs = 0;
  #clients = 0;
  readonly #client = { opener: this.#newClient(), acceptor: this.#newClient() };
  readonly #awakeAt = { opener: 0, acceptor: 0 };
  /** Where the acceptor replies to. */
  #replyTo = 0;
  /** What a gateway keeps for an acceptor whose client is away. */
  #stored: (() => void)[] | undefined;

  constructor(world: World) {
    this.#world = world;
    const { envelope = PROXY_ENVELOPE, sessionId = envelope.newSessionId(), idleTimeoutMs } = world;
    this.#envelope = envelope;
    this.#common = { envelope, sessionId, idleTimeoutMs, closeTimeoutMs: CLOSE_TIMEOUT_MS };
    const startWithFrames = world.startWithFrames ?? false;
    this.#opener = new LiveEnd(
      new SessionEngine({ ...this.#common, surbs: this.#stock, startWithFrames, now: 0 }),
      world.opener,
    );
    for (const fault of world.faults ?? []) this.#agenda.add(fault.at, () => this.#befall(fault));
  }

  run(): Aftermath {
    for (let guard = 0; guard < 1_000_000; guard += 1) {
      if (this.#isAwake('opener')) this.#runOpener();
      if (this.#acceptor !== undefined && this.#isAwake('acceptor')) this.#runAcceptor(this.#acceptor);
      const next = Math.min(
        Math.max(this.#opener.next(this.#now), this.#awakeAt.opener),
        Math.max(this.#acceptor?.next(this.#now) ?? Infinity, this.#awakeAt.acceptor),
        this.#agenda.next,
      );
      if (next > this.#world.until) break;
      if (next < this.#now) throw new Error('the world goes back in time');
      this.#now = next;
      this.#agenda.run(next);
    }
    const acceptor = this.#acceptor ?? this.#newAcceptor();
    return {
      opener: this.#opener.end(),
      acceptor: acceptor.end(),
      acceptors: new Map([...this.#acceptors].map(([restarts, live]) => [restarts, live.end()])),
      surbs: this.#surbs,
      surbsSpent: this.#surbsSpent,
      repliesWithoutSurbs: this.#repliesWithoutSurbs,
      endedAt: this.#now,
    };
  }

  #isAwake(end: 'opener' | 'acceptor'): boolean {
    return this.#awakeAt[end] <= this.#now;
  }

  #newClient(): Client {
    this.#clients += 1;
    return {
      tag: this.#clients,
      diedAt: Infinity,
      lostFrom: Infinity,
      repliable: new Set(),
      surbs: new Map(),
      stocks: new Map(),
    };
  }

  #newAcceptor(first?: SessionMessage): LiveEnd {
    const { acceptor, restarted = () => acceptor } = this.#world;
    const instance = this.#restarts;
    const live = new LiveEnd(
      new SessionEngine({ ...this.#common, first, surbs: undefined, instance, now: this.#now }),
      instance === 0 ? acceptor : restarted(instance),
      this.#now,
    );
    this.#acceptors.set(instance, live);
    return live;
  }

  // The mixnet.

  #runOpener(): void {
    const client = this.#client.opener;
    const sent = this.#opener.messages;
    for (const [n, message] of this.#opener.run(this.#now).entries()) {
      this.#world.watch?.('up', message, this.#now);
      this.#surbs += message.replySurbs;
      this.#carry('up', sent + n, client, () => this.#arriveUp(message, client.tag));
    }
  }

  #runAcceptor(acceptor: LiveEnd): void {
    const client = this.#client.acceptor;
    const sent = acceptor.messages;
    for (const [n, message] of acceptor.run(this.#now).entries()) {
      this.#world.watch?.('down', message, this.#now);
      this.#reply(message.payload, this.#replyTo, client, sent + n);
    }
  }

  /** As the official client does, replies without ever having had a SURB are dropped without a word. */
  #reply(payload: Uint8Array, tag: number, client: Client, index: number): void {
    if (!client.repliable.has(tag)) return;
    const packets = replyPackets(payload.length);
    const left = (client.surbs.get(tag) ?? 0) - packets;
    this.#surbsSpent += packets;
    if (left < DEFAULT_REPLY_SURB_RESERVE) this.#repliesWithoutSurbs += 1;
    client.surbs.set(tag, Math.max(0, left));
    this.#carry('down', index, client, () => this.#arriveDown(payload, tag));
  }

  #carry(direction: 'up' | 'down', index: number, client: Client, arrive: () => void): void {
    const sentAt = this.#now;
    for (const delay of this.#world.fate(direction, index)) {
      this.#agenda.add(sentAt + delay, () => {
        if (sentAt < client.lostFrom) arrive();
      });
    }
  }

  #arriveUp(message: OutgoingMessage, tag: number): void {
    const client = this.#client.acceptor;
    if (client.diedAt <= this.#now) {
      this.#stored?.push(() => this.#arriveUp(message, tag));
      return;
    }
    if (message.replySurbs > 0) client.repliable.add(tag);
    client.surbs.set(tag, (client.surbs.get(tag) ?? 0) + message.replySurbs);
    if (!this.#isAwake('acceptor')) {
      this.#agenda.add(this.#awakeAt.acceptor, () => this.#arriveUp(message, tag));
      return;
    }
    const arrived = this.#envelope.decode(message.payload);
    if (this.#acceptor === undefined) {
      if (this.#refused) return;
      if (this.#envelope.hasOpen && arrived.kind === 'data') {
        this.#early.push({ message: arrived, tag });
        return;
      }
      if (!opensSession(arrived, this.#envelope)) {
        this.#refuse(arrived, tag);
        return;
      }
      this.#acceptor = this.#newAcceptor(arrived);
      this.#replyTo = tag;
    }
    const { engine } = this.#acceptor;
    if (engine.outcome === undefined) {
      const current = this.#hand(this.#acceptor, arrived, tag);
      for (const early of this.#early.splice(0)) this.#hand(this.#acceptor, early.message, early.tag);
      if (!current) return;
      if (tag < this.#replyTo) throw new Error('replies go back to a client that was replaced');
      this.#replyTo = tag;
    } else if (arrived.kind === 'frames' && engine.epitaph !== undefined) {
      const ping = decodeFrames(arrived.body).find(({ type }) => type === 'ping');
      if (ping?.type !== 'ping') return;
      const body = encodeFrames([...engine.epitaph, { type: 'pong', value: ping.value }]);
      const payload = this.#envelope.encode({ ...arrived, messageId: 0, body });
      this.#reply(payload, tag, client, this.#acceptor.messages);
    }
  }

  /** Tells whether it came from the peer's current client. */
  #hand(acceptor: LiveEnd, message: SessionMessage, tag: number): boolean {
    const stock =
      acceptor.engine.dialect === 'frames' ? this.#stockOf(this.#client.acceptor, tag) : undefined;
    return acceptor.receive(message, this.#now, stock);
  }

  #stockOf({ stocks }: Client, tag: number): ReplyStock {
    const stock = stocks.get(tag) ?? new ReplyStock();
    stocks.set(tag, stock);
    return stock;
  }

  /** What an acceptor says of a session that it does not know. */
  #refuse(message: SessionMessage, tag: number): void {
    if (message.kind !== 'frames') return;
    this.#refused = decodeFrames(message.body).some(({ type }) => type === 'reset');
    if (this.#refused) return;
    const body = encodeFrames([{ type: 'reset', code: 'gone' }]);
    const payload = this.#envelope.encode({ ...message, messageId: 0, body });
    this.#reply(payload, tag, this.#client.acceptor, 0);
  }

  #arriveDown(payload: Uint8Array, tag: number): void {
    const client = this.#client.opener;
    if (client.tag !== tag || client.diedAt <= this.#now) return;
    if (!this.#isAwake('opener')) {
      this.#agenda.add(this.#awakeAt.opener, () => this.#arriveDown(payload, tag));
      return;
    }
    this.#stock.spent(replyPackets(payload.length));
    this.#opener.receive(this.#envelope.decode(payload), this.#now);
  }

  // Faults.

  #befall(fault: Fault): void {
    if (fault.kind === 'restart') {
      this.#restart(fault);
      return;
    }
    const { end } = fault;
    if (fault.kind === 'sleep') {
      this.#awakeAt[end] = Math.max(this.#awakeAt[end], this.#now + fault.forMs);
      return;
    }
    const client = this.#client[end];
    if (client.diedAt <= this.#now) return;
    this.#kill(client, fault.heldMs);
    if (end === 'acceptor') this.#stored = fault.stored ? [] : undefined;
    const restarts = this.#restarts;
    this.#agenda.add(this.#now + fault.noticedAfterMs, () =>
      this.#whenAwake(end, () => this.#lose(fault, restarts)),
    );
  }

  #kill(client: Client, heldMs: number): void {
    client.diedAt = Math.min(client.diedAt, this.#now);
    client.lostFrom = Math.min(client.lostFrom, this.#now - heldMs);
  }

  /** A client that was about to be replaced is not: whoever wanted to has died, too. */
  #restart({ heldMs, absentMs, stored }: Restart): void {
    this.#kill(this.#client.acceptor, heldMs);
    this.#stored = stored ? (this.#stored ?? []) : undefined;
    this.#acceptor = undefined;
    this.#early.length = 0;
    this.#refused = false;
    this.#restarts += 1;
    const restarts = this.#restarts;
    this.#agenda.add(this.#now + absentMs, () =>
      this.#whenAwake('acceptor', () => {
        if (this.#restarts === restarts) this.#replace('acceptor');
      }),
    );
  }

  #lose(fault: ClientFault, restarts: number): void {
    const { end, absentMs } = fault;
    // A process that has died meanwhile does nothing any more.
    const isGone = () => end === 'acceptor' && restarts !== this.#restarts;
    if (isGone()) return;
    const live = end === 'opener' ? this.#opener : this.#acceptor;
    live?.engine.routeLost(this.#now, new Error('the gateway is gone'));
    if (absentMs === Infinity) return;
    this.#agenda.add(this.#now + absentMs, () =>
      this.#whenAwake(end, () => {
        if (!isGone()) this.#replace(end);
      }),
    );
  }

  #replace(end: 'opener' | 'acceptor'): void {
    this.#client[end] = this.#newClient();
    if (end === 'opener') {
      this.#stock = this.#stock.successor();
      this.#opener.engine.routeFound(this.#now, this.#stock);
      return;
    }
    this.#acceptor?.engine.routeFound(this.#now, undefined);
    const stored = this.#stored ?? [];
    this.#stored = undefined;
    for (const arrive of stored) arrive();
  }

  #whenAwake(end: 'opener' | 'acceptor', run: () => void): void {
    if (this.#isAwake(end)) run();
    else this.#agenda.add(this.#awakeAt[end], run);
  }
}

class LiveEnd {
  readonly engine: SessionEngine;
  messages = 0;
  readonly #application: Application;
  readonly #chunks: Uint8Array[] = [];
  #written = 0;
  #mostUnread = 0;
  #mostUnacknowledged = 0;
  #writeAt: number;
  #readAt: number;
  /** Whether there may be something to read; cleared by a read that finds nothing. */
  #mayRead = false;
  #endedAt: number | undefined;

  constructor(engine: SessionEngine, application: Application, now = 0) {
    this.engine = engine;
    this.#application = application;
    this.#writeAt = now + application.writeEveryMs;
    this.#readAt = Math.max(now, application.readFromMs ?? 0);
  }

  /** Tells whether it came from the peer's current client. */
  receive(message: SessionMessage, now: number, replies?: ReplyStock): boolean {
    this.#mayRead = true;
    return this.engine.receive(message, now, replies);
  }

  run(now: number): OutgoingMessage[] {
    this.#mostUnread = Math.max(this.#mostUnread, this.engine.unread);
    const { writes, writeEveryMs, readEveryMs, resetAtMs } = this.#application;
    if (resetAtMs !== undefined && resetAtMs <= now) this.engine.reset(new SessionError('aborted', 'us'));
    while (this.#writeAt <= now && this.#written <= writes.length) {
      const bytes = writes[this.#written];
      if (bytes === undefined) this.engine.finish();
      else this.engine.write(bytes);
      this.#written += 1;
      this.#writeAt += writeEveryMs;
    }
    while (this.#readAt <= now && this.#read(now)) this.#readAt += readEveryMs;
    if (this.#readAt <= now) this.#readAt = now + Math.max(1, readEveryMs);
    const messages: OutgoingMessage[] = [];
    for (let message = this.engine.poll(now); message; message = this.engine.poll(now)) {
      messages.push(message);
      if (messages.length > 10_000) throw new Error('the engine has no end of messages');
    }
    this.messages += messages.length;
    this.#mostUnacknowledged = Math.max(this.#mostUnacknowledged, this.engine.unacknowledged);
    if (this.engine.outcome !== undefined) this.#endedAt ??= now;
    if ((this.engine.deadline ?? Infinity) <= now) throw new Error('the engine would be polled without end');
    return messages;
  }

  next(now: number): number {
    const ended = this.engine.outcome !== undefined;
    const writing = !ended && this.#written <= this.#application.writes.length ? this.#writeAt : Infinity;
    const reading = this.#mayRead ? Math.max(this.#readAt, now + 1) : Infinity;
    const resetting = ended ? Infinity : (this.#application.resetAtMs ?? Infinity);
    return Math.max(now, Math.min(this.engine.deadline ?? Infinity, writing, reading, resetting));
  }

  end(): End {
    const { outcome } = this.engine;
    return {
      engine: this.engine,
      received: new Uint8Array(Buffer.concat(this.#chunks)),
      sawEnd: this.engine.readToEnd,
      messages: this.messages,
      mostUnread: this.#mostUnread,
      mostUnacknowledged: this.#mostUnacknowledged,
      error: outcome?.kind === 'reset' ? outcome.error : undefined,
      endedAt: this.#endedAt,
    };
  }

  #read(now: number): boolean {
    const chunk = this.engine.take(now);
    if (chunk !== undefined) this.#chunks.push(chunk);
    this.#mayRead = chunk !== undefined;
    return this.#mayRead;
  }
}
