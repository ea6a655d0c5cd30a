import { DEFAULT_REPLY_SURB_RESERVE } from '../../src/mixnet/options.js';
import { SessionEngine } from '../../src/session/engine.js';
import { SessionError } from '../../src/session/errors.js';
import type { OutgoingMessage } from '../../src/session/message-packer.js';
import { ReplyStock } from '../../src/session/reply-stock.js';
import type { EngineOptions } from '../../src/session/session-state.js';
import { SurbStock } from '../../src/session/surb-stock.js';
import { decodeFrames, encodeFrames } from '../../src/wire/frame.js';
import { replyPackets } from '../../src/wire/packet-count.js';
import { decodeProxiedMessage, encodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { newSessionId, sessionProtocolVersion, type SessionId } from '../../src/wire/session-id.js';
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
export type Fault = ClientFault | Sleep;

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

export interface World {
  readonly opener: Application;
  readonly acceptor: Application;
  readonly fate: (direction: 'up' | 'down', index: number) => Fate;
  readonly faults?: readonly Fault[];
  readonly sessionId?: SessionId;
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
  readonly acceptor: End;
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
  readonly #common: Omit<EngineOptions, 'surbs' | 'now'>;
  readonly #opener: LiveEnd;
  #acceptor: LiveEnd | undefined;
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
    this.#common = { sessionId: world.sessionId ?? newSessionId(), closeTimeoutMs: CLOSE_TIMEOUT_MS };
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

  #newAcceptor(): LiveEnd {
    return new LiveEnd(
      new SessionEngine({ ...this.#common, surbs: undefined, now: this.#now }),
      this.#world.acceptor,
      this.#now,
    );
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
    const proxied = decodeProxiedMessage(message.payload);
    if (this.#acceptor === undefined) {
      this.#acceptor = this.#newAcceptor();
      this.#replyTo = tag;
    }
    const { engine } = this.#acceptor;
    if (engine.outcome === undefined) {
      const stock = this.#stockOf(client, tag);
      if (this.#acceptor.receive(message, this.#now, stock)) this.#replyTo = tag;
    } else if (proxied.kind === 'frames' && engine.epitaph !== undefined) {
      const ping = decodeFrames(proxied.body).find(({ type }) => type === 'ping');
      if (ping?.type !== 'ping') return;
      const body = encodeFrames([engine.epitaph, { type: 'pong', value: ping.value }]);
      const payload = encodeProxiedMessage({ ...proxied, messageId: 0, body });
      this.#reply(payload, tag, client, this.#acceptor.messages);
    }
  }

  #stockOf({ stocks }: Client, tag: number): ReplyStock | undefined {
    if (sessionProtocolVersion(this.#common.sessionId) === 0) return undefined;
    const stock = stocks.get(tag) ?? new ReplyStock();
    stocks.set(tag, stock);
    return stock;
  }

  #arriveDown(payload: Uint8Array, tag: number): void {
    const client = this.#client.opener;
    if (client.tag !== tag || client.diedAt <= this.#now) return;
    if (!this.#isAwake('opener')) {
      this.#agenda.add(this.#awakeAt.opener, () => this.#arriveDown(payload, tag));
      return;
    }
    this.#stock.spent(replyPackets(payload.length));
    this.#opener.receive({ payload }, this.#now);
  }

  // Faults.

  #befall(fault: Fault): void {
    const { end } = fault;
    if (fault.kind === 'sleep') {
      this.#awakeAt[end] = Math.max(this.#awakeAt[end], this.#now + fault.forMs);
      return;
    }
    const client = this.#client[end];
    if (client.diedAt <= this.#now) return;
    client.diedAt = this.#now;
    client.lostFrom = this.#now - fault.heldMs;
    if (end === 'acceptor') this.#stored = fault.stored ? [] : undefined;
    this.#agenda.add(this.#now + fault.noticedAfterMs, () => this.#whenAwake(end, () => this.#lose(fault)));
  }

  #lose(fault: ClientFault): void {
    const live = fault.end === 'opener' ? this.#opener : this.#acceptor;
    live?.engine.routeLost(this.#now, new Error('the gateway is gone'));
    if (fault.absentMs === Infinity) return;
    this.#agenda.add(this.#now + fault.absentMs, () =>
      this.#whenAwake(fault.end, () => this.#replace(fault.end)),
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
  receive(message: Pick<OutgoingMessage, 'payload'>, now: number, replies?: ReplyStock): boolean {
    this.#mayRead = true;
    return this.engine.receive(decodeProxiedMessage(message.payload), now, replies);
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
