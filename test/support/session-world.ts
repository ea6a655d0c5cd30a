import { DEFAULT_REPLY_SURB_RESERVE } from '../../src/mixnet/options.js';
import { AcceptorRouting } from '../../src/session/acceptor-routing.js';
import type { SessionEngine } from '../../src/session/engine/engine.js';
import type { OutgoingMessage } from '../../src/session/engine/message-packer.js';
import type { Mode } from '../../src/session/engine/state.js';
import { PROXY_ENVELOPE, type Envelope } from '../../src/session/envelope.js';
import { SessionError } from '../../src/session/errors.js';
import { OpenerRouting } from '../../src/session/opener-routing.js';
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
  /** Reads nothing from this time on. */
  readonly readUntilMs?: number;
  /** Writes the same again and again, and never closes. */
  readonly endless?: boolean;
  /** Gives the session up at this time. */
  readonly resetAtMs?: number | undefined;
}

/** What befalls one end. */
export type Fault = ClientFault | Sleep | Restart;

/** The end's mixnet client dies, and is replaced by another one. */
export interface ClientFault {
  readonly kind: 'client';
  readonly end: 'opener' | 'acceptor';
  /** Which acceptor; the first unless given. */
  readonly acceptor?: number;
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
  /** As of a {@link ClientFault}. */
  readonly acceptor?: number;
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
  readonly acceptor?: number;
  /** As of a {@link ClientFault}. */
  readonly heldMs: number;
  readonly absentMs: number;
  readonly stored: boolean;
}

/** One more session over the opener's client. */
export interface OtherSession {
  readonly opener: Application;
  readonly acceptor: Application;
  /** Which acceptor it is with; the first is 0. */
  readonly recipient: number;
  /** When it is opened, in ms. */
  readonly opensAt: number;
}

export interface World {
  readonly opener: Application;
  readonly acceptor: Application;
  /** What an acceptor is after so many restarts; the same as before them unless given. */
  readonly restarted?: (restarts: number) => Application;
  /** Further sessions of the same opener, with the same acceptor or others. */
  readonly others?: readonly OtherSession[];
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

/** What became of one end of a session. */
export interface End {
  /** `undefined` if nothing of the session ever reached this end. */
  readonly engine: SessionEngine | undefined;
  readonly received: Uint8Array;
  readonly sawEnd: boolean;
  readonly messages: number;
  /** Bytes that the application wrote before the session ended. */
  readonly written: number;
  readonly mostUnread: number;
  readonly mostUnacknowledged: number;
  readonly error: SessionError | undefined;
  /** How it talked when the session ended here; `undefined` if it has not. */
  readonly endedMode: Mode | undefined;
  /** When the session ended here. */
  readonly endedAt: number | undefined;
  /** When the peer knew, or was waited for no longer. */
  readonly drainedAt: number | undefined;
}

/** What became of one session. */
export interface SessionEnds {
  readonly opener: End;
  /** That of the process that lives last. */
  readonly acceptor: End;
  /** The one after each number of restarts, where there was one. Those that died with their process never ended. */
  readonly acceptors: ReadonlyMap<number, End>;
}

/** What became of the world: of its first session, of the others, and of all together. */
export interface Result extends SessionEnds {
  readonly others: readonly SessionEnds[];
  /** SURBs that the opener has given. */
  readonly surbs: number;
  /** SURBs that the acceptors' replies have spent. */
  readonly surbsSpent: number;
  /** Replies for which an acceptor's official client would have had to ask for SURBs. */
  readonly repliesWithoutSurbs: number;
  readonly endedAt: number;
}

/** A mixnet client, which is nothing but a name that dies. */
interface Client {
  readonly tag: number;
  diedAt: number;
  /** What was given to it from then on is lost. */
  lostFrom: number;
  /** How many SURBs are left of each sender tag that has ever given any. */
  readonly surbs: Map<number, number>;
}

/** One session, at both ends. */
interface Play {
  readonly applications: OtherSession;
  opener: LiveEnd | undefined;
  /** By the number of restarts before. */
  readonly acceptors: Map<number, LiveEnd>;
}

/** A process with a mixnet client. */
interface Machine {
  client: Client;
  awakeAt: number;
}

interface Server extends Machine {
  readonly name: string;
  routing: AcceptorRouting;
  readonly ends: Map<SessionEngine, LiveEnd>;
  restarts: number;
  /** What a gateway keeps for it while its client is away. */
  stored: (() => void)[] | undefined;
}

const CLOSE_TIMEOUT_MS = 60_000;

/**
 * Sessions of one opener with one acceptor or several, over an imagined mixnet with an imagined clock: the routing and
 * the engines of `src/session`. The same world always goes the same way.
 */
export function simulate(world: World): Result {
  return new Simulation(world).run();
}

class Simulation {
  readonly #world: World;
  readonly #agenda = new Agenda();
  readonly #envelope: Envelope;
  readonly #plays: readonly Play[];
  readonly #routing: OpenerRouting;
  readonly #opener: Machine;
  readonly #servers: readonly Server[];
  #now = 0;
  #surbs = 0;
  #surbsSpent = 0;
  #repliesWithoutSurbs = 0;
  #clients = 0;
  #sent = { up: 0, down: 0 };

  constructor(world: World) {
    this.#world = world;
    const { envelope = PROXY_ENVELOPE, sessionId, idleTimeoutMs, opener, acceptor, others = [] } = world;
    this.#envelope = sessionId === undefined ? envelope : { ...envelope, newSessionId: () => sessionId };
    this.#routing = new OpenerRouting({
      envelope: this.#envelope,
      idleTimeoutMs,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      wants: world.startWithFrames ? { upstream: 'web' } : undefined,
    });
    this.#opener = { client: this.#newClient(), awakeAt: 0 };
    const first = { opener, acceptor, recipient: 0, opensAt: 0 };
    this.#plays = [first, ...others].map((applications) => ({
      applications,
      opener: undefined,
      acceptors: new Map<number, LiveEnd>(),
    }));
    const servers = 1 + Math.max(...this.#plays.map(({ applications }) => applications.recipient));
    this.#servers = Array.from({ length: servers }, (_, n) => this.#newServer(`server ${n}`));
    for (const play of this.#plays) {
      if (play.applications.opensAt === 0) this.#open(play);
      else
        this.#agenda.add(play.applications.opensAt, () =>
          this.#whenAwake(this.#opener, () => this.#open(play)),
        );
    }
    for (const fault of world.faults ?? []) this.#agenda.add(fault.at, () => this.#strike(fault));
  }

  run(): Result {
    for (let guard = 0; guard < 1_000_000; guard += 1) {
      if (this.#isAwake(this.#opener)) this.#runOpener();
      for (const server of this.#servers) if (this.#isAwake(server)) this.#runServer(server);
      const next = Math.min(
        Math.max(this.#nextOf(this.#plays.map(({ opener }) => opener)), this.#opener.awakeAt),
        ...this.#servers.map((server) => Math.max(this.#nextOf([...server.ends.values()]), server.awakeAt)),
        this.#agenda.next,
      );
      if (next > this.#world.until) break;
      if (next < this.#now) throw new Error('the world goes back in time');
      this.#now = next;
      this.#agenda.run(next);
    }
    const [first = nothing(), ...others] = this.#plays.map((play) =>
      endsOf(play, this.#servers[play.applications.recipient]?.restarts ?? 0),
    );
    return {
      ...first,
      others,
      surbs: this.#surbs,
      surbsSpent: this.#surbsSpent,
      repliesWithoutSurbs: this.#repliesWithoutSurbs,
      endedAt: this.#now,
    };
  }

  #nextOf(ends: readonly (LiveEnd | undefined)[]): number {
    return ends.reduce((first, end) => Math.min(first, end?.next(this.#now) ?? Infinity), Infinity);
  }

  #isAwake({ awakeAt }: Machine): boolean {
    return awakeAt <= this.#now;
  }

  #newClient(): Client {
    this.#clients += 1;
    return { tag: this.#clients, diedAt: Infinity, lostFrom: Infinity, surbs: new Map() };
  }

  #newServer(name: string): Server {
    const server: Server = {
      name,
      client: this.#newClient(),
      awakeAt: 0,
      routing: new AcceptorRouting({}),
      ends: new Map(),
      restarts: 0,
      stored: undefined,
    };
    this.#startServer(server);
    return server;
  }

  /** A process that knows nothing. */
  #startServer(server: Server): void {
    server.routing = new AcceptorRouting({
      envelopes: [this.#envelope],
      idleTimeoutMs: this.#world.idleTimeoutMs,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      newInstance: () => server.restarts,
    });
    server.routing.useClient({ address: server.name, extendedPackets: false });
    server.ends.clear();
  }

  #open(play: Play): void {
    const { recipient, opener } = play.applications;
    const engine = this.#routing.open(`server ${recipient}`, false, this.#now);
    play.opener = new LiveEnd(engine, opener, this.#now);
    if (this.#opener.client.diedAt <= this.#now) engine.pathLost(this.#now);
  }

  // The mixnet.

  #runOpener(): void {
    const { client } = this.#opener;
    for (const { opener, applications } of this.#plays) {
      const server = this.#servers[applications.recipient];
      if (opener === undefined || server === undefined) continue;
      for (const message of opener.run(this.#now)) {
        this.#world.watch?.('up', message, this.#now);
        this.#surbs += message.replySurbs;
        this.#carry('up', client, () => this.#arriveUp(server, message, client.tag));
      }
      if (opener.engine.phase === 'drained') this.#routing.forget(opener.engine);
    }
  }

  #runServer(server: Server): void {
    for (const end of server.ends.values()) {
      for (const message of end.run(this.#now)) {
        this.#world.watch?.('down', message, this.#now);
        const tag = Number(server.routing.senderTagOf(end.engine));
        if (tag < end.repliesTo) throw new Error('replies go back to a client that was replaced');
        end.repliesTo = tag;
        this.#reply(message.payload, tag, server.client);
      }
      if (end.engine.phase === 'drained') server.routing.forget(end.engine);
    }
  }

  /** As the official client does, replies without ever having had a SURB are dropped without a word. */
  #reply(payload: Uint8Array, tag: number, client: Client): void {
    const had = client.surbs.get(tag);
    if (had === undefined) return;
    const packets = replyPackets(payload.length);
    this.#surbsSpent += packets;
    if (had - packets < DEFAULT_REPLY_SURB_RESERVE) this.#repliesWithoutSurbs += 1;
    client.surbs.set(tag, Math.max(0, had - packets));
    this.#carry('down', client, () => this.#arriveDown(payload, tag));
  }

  #carry(direction: 'up' | 'down', client: Client, arrive: () => void): void {
    const sentAt = this.#now;
    for (const delay of this.#world.fate(direction, this.#sent[direction]++)) {
      this.#agenda.add(sentAt + delay, () => {
        if (sentAt < client.lostFrom) arrive();
      });
    }
  }

  #arriveUp(server: Server, message: OutgoingMessage, tag: number): void {
    const { client } = server;
    if (client.diedAt <= this.#now) {
      server.stored?.push(() => this.#arriveUp(server, message, tag));
      return;
    }
    if (message.replySurbs > 0) client.surbs.set(tag, (client.surbs.get(tag) ?? 0) + message.replySurbs);
    const { restarts } = server;
    this.#whenAwake(server, () => {
      // What had come to a process that has died meanwhile is lost with it.
      if (restarts === server.restarts) this.#handUp(server, message, tag);
    });
  }

  #handUp(server: Server, { payload }: OutgoingMessage, tag: number): void {
    for (const effect of server.routing.receive(payload, String(tag), this.#now)) {
      if (effect.kind === 'answer') this.#reply(effect.payload, Number(effect.senderTag), server.client);
      else if (effect.kind === 'changed') server.ends.get(effect.engine)?.mayHaveMore();
      else this.#accept(server, effect.engine);
    }
  }

  #accept(server: Server, engine: SessionEngine): void {
    const play = this.#plays.find(({ opener }) => opener?.engine.id === engine.id);
    if (play === undefined) throw new Error('a session was accepted that nobody has opened');
    const { acceptor } = play.applications;
    const restarted = play === this.#plays[0] ? this.#world.restarted : undefined;
    const application = server.restarts === 0 ? acceptor : (restarted?.(server.restarts) ?? acceptor);
    const end = new LiveEnd(engine, application, this.#now);
    server.ends.set(engine, end);
    play.acceptors.set(server.restarts, end);
  }

  #arriveDown(payload: Uint8Array, tag: number): void {
    const { client } = this.#opener;
    if (client.tag !== tag || client.diedAt <= this.#now) return;
    this.#whenAwake(this.#opener, () => {
      if (client !== this.#opener.client) return;
      const engine = this.#routing.receive(payload, this.#now);
      this.#plays.find(({ opener }) => opener?.engine === engine)?.opener?.mayHaveMore();
    });
  }

  // Faults.

  #strike(fault: Fault): void {
    const server = this.#servers[fault.acceptor ?? 0];
    if (server === undefined) throw new Error('there is no such acceptor');
    if (fault.kind === 'restart') {
      this.#restart(server, fault);
      return;
    }
    const machine = fault.end === 'opener' ? this.#opener : server;
    if (fault.kind === 'sleep') {
      machine.awakeAt = Math.max(machine.awakeAt, this.#now + fault.forMs);
      return;
    }
    if (machine.client.diedAt <= this.#now) return;
    this.#kill(machine.client, fault.heldMs);
    if (machine === server) server.stored = fault.stored ? [] : undefined;
    const { restarts } = server;
    // A process that has died meanwhile does nothing any more.
    const isGone = () => machine === server && restarts !== server.restarts;
    this.#later(machine, fault.noticedAfterMs, () => {
      if (isGone()) return;
      for (const { engine } of this.#endsOn(machine))
        engine.pathLost(this.#now, new Error('the gateway is gone'));
      if (fault.absentMs === Infinity) return;
      this.#later(machine, fault.absentMs, () => {
        if (!isGone()) this.#replace(machine, server);
      });
    });
  }

  #kill(client: Client, heldMs: number): void {
    client.diedAt = Math.min(client.diedAt, this.#now);
    client.lostFrom = Math.min(client.lostFrom, this.#now - heldMs);
  }

  /** A client that was about to be replaced is not: the process that wanted to has died, too. */
  #restart(server: Server, { heldMs, absentMs, stored }: Restart): void {
    this.#kill(server.client, heldMs);
    server.stored = stored ? (server.stored ?? []) : undefined;
    server.restarts += 1;
    this.#startServer(server);
    const { restarts } = server;
    this.#later(server, absentMs, () => {
      if (server.restarts === restarts) this.#replace(server, server);
    });
  }

  #replace(machine: Machine, server: Server): void {
    machine.client = this.#newClient();
    if (machine === this.#opener) {
      this.#routing.migrate();
      for (const { engine } of this.#endsOn(machine))
        engine.pathFound(this.#now, this.#routing.supplyFor(engine));
      return;
    }
    server.routing.useClient({ address: server.name, extendedPackets: false });
    for (const { engine } of this.#endsOn(machine)) engine.pathFound(this.#now, undefined);
    const stored = server.stored ?? [];
    server.stored = undefined;
    for (const arrive of stored) arrive();
  }

  #endsOn(machine: Machine): readonly LiveEnd[] {
    const server = this.#servers.find((one) => one === machine);
    const ends = server ? [...server.ends.values()] : this.#plays.flatMap(({ opener }) => opener ?? []);
    return ends.filter(({ engine }) => engine.phase !== 'drained');
  }

  #later(machine: Machine, ms: number, run: () => void): void {
    this.#agenda.add(this.#now + ms, () => this.#whenAwake(machine, run));
  }

  #whenAwake(machine: Machine, run: () => void): void {
    if (this.#isAwake(machine)) run();
    else this.#agenda.add(machine.awakeAt, run);
  }
}

/** @param restarts of the acceptor's process; what it was before is dead. */
function endsOf({ opener, acceptors }: Play, restarts: number): SessionEnds {
  const ends = new Map([...acceptors].map(([after, end]) => [after, end.end()]));
  const last = ends.get(restarts);
  return { opener: opener?.end() ?? nobody(), acceptor: last ?? nobody(), acceptors: ends };
}

function nothing(): SessionEnds {
  return { opener: nobody(), acceptor: nobody(), acceptors: new Map() };
}

/** What is to be said of an end that never heard of its session. */
function nobody(): End {
  return {
    engine: undefined,
    received: new Uint8Array(),
    sawEnd: false,
    messages: 0,
    written: 0,
    mostUnread: 0,
    mostUnacknowledged: 0,
    error: undefined,
    endedMode: undefined,
    endedAt: undefined,
    drainedAt: undefined,
  };
}

class LiveEnd {
  readonly engine: SessionEngine;
  /** The tag of the client that the last reply went to. */
  repliesTo = 0;
  readonly #application: Application;
  readonly #chunks: Uint8Array[] = [];
  #messages = 0;
  #writes = 0;
  #written = 0;
  #mostUnread = 0;
  #mostUnacknowledged = 0;
  #writeAt: number;
  #readAt: number;
  /** Whether there may be something to read; cleared by a read that finds nothing. */
  #mayRead = true;
  #sawEnd = false;
  #endedMode: Mode | undefined;
  #endedAt: number | undefined;
  #drainedAt: number | undefined;

  constructor(engine: SessionEngine, application: Application, now = 0) {
    this.engine = engine;
    this.#application = application;
    this.#writeAt = now + application.writeEveryMs;
    this.#readAt = Math.max(now, application.readFromMs ?? 0);
  }

  /** A message has come. */
  mayHaveMore(): void {
    this.#mayRead = true;
  }

  run(now: number): OutgoingMessage[] {
    this.#mostUnread = Math.max(this.#mostUnread, this.engine.unread);
    const { writeEveryMs, readEveryMs, resetAtMs } = this.#application;
    if (resetAtMs !== undefined && resetAtMs <= now && this.engine.phase === 'open')
      this.engine.reset(new SessionError('aborted', 'us'), now);
    while (this.#writeAt <= now && this.#mayWrite) {
      this.#write();
      this.#writeAt += Math.max(writeEveryMs, this.#application.endless ? 1 : 0);
    }
    while (this.#readAt <= now && this.#read(now)) this.#readAt += readEveryMs;
    if (this.#readAt <= now) this.#readAt = now + Math.max(1, readEveryMs);
    const messages: OutgoingMessage[] = [];
    for (let message = this.engine.poll(now); message; message = this.engine.poll(now)) {
      messages.push(message);
      if (messages.length > 10_000) throw new Error('the engine has no end of messages');
    }
    this.#messages += messages.length;
    this.#mostUnacknowledged = Math.max(this.#mostUnacknowledged, this.engine.unacknowledged);
    if (this.engine.outcome !== undefined) {
      this.#endedMode ??= this.engine.mode;
      this.#endedAt ??= now;
    }
    if (this.engine.phase === 'drained') this.#drainedAt ??= now;
    if ((this.engine.deadline ?? Infinity) <= now) throw new Error('the engine would be polled without end');
    return messages;
  }

  next(now: number): number {
    const ended = this.engine.phase !== 'open';
    const writing = this.#mayWrite ? this.#writeAt : Infinity;
    const reading = this.#mayRead ? Math.max(this.#readAt, now + 1) : Infinity;
    const resetting = ended ? Infinity : (this.#application.resetAtMs ?? Infinity);
    return Math.max(now, Math.min(this.engine.deadline ?? Infinity, writing, reading, resetting));
  }

  end(): End {
    const { outcome } = this.engine;
    return {
      engine: this.engine,
      received: new Uint8Array(Buffer.concat(this.#chunks)),
      sawEnd: this.#sawEnd,
      messages: this.#messages,
      written: this.#written,
      mostUnread: this.#mostUnread,
      mostUnacknowledged: this.#mostUnacknowledged,
      error: outcome?.kind === 'reset' ? outcome.error : undefined,
      endedMode: this.#endedMode,
      endedAt: this.#endedAt,
      drainedAt: this.#drainedAt,
    };
  }

  get #mayWrite(): boolean {
    const { writes, endless = false } = this.#application;
    if (this.engine.phase !== 'open' || this.engine.failure !== undefined) return false;
    // An endless source waits for room, as a pipe does.
    return endless ? writes.length > 0 && this.engine.room > 0 : this.#writes <= writes.length;
  }

  #write(): void {
    const { writes, endless = false } = this.#application;
    const bytes = writes[endless ? this.#writes % writes.length : this.#writes];
    this.#writes += 1;
    if (bytes === undefined) {
      this.engine.finish();
      return;
    }
    this.engine.write(bytes);
    this.#written += bytes.length;
  }

  #read(now: number): boolean {
    if (now >= (this.#application.readUntilMs ?? Infinity)) return (this.#mayRead = false);
    const chunk = this.engine.take(now);
    if (chunk !== undefined) this.#chunks.push(chunk);
    this.#mayRead = chunk !== undefined;
    this.#sawEnd ||= this.engine.readToEnd;
    return this.#mayRead;
  }
}
