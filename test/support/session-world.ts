import { SessionEngine, type EngineOptions } from '../../src/session/engine.js';
import type { SessionError } from '../../src/session/errors.js';
import type { OutgoingMessage } from '../../src/session/message-packer.js';
import { SurbStock } from '../../src/session/surb-stock.js';
import { replyPackets } from '../../src/wire/packet-count.js';
import { decodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { newSessionId, type SessionId } from '../../src/wire/session-id.js';

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
}

export interface World {
  readonly opener: Application;
  readonly acceptor: Application;
  readonly fate: (direction: 'up' | 'down', index: number) => Fate;
  readonly sessionId?: SessionId;
  readonly startWithFrames?: boolean;
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
  readonly error: SessionError | undefined;
}

interface Happening {
  readonly at: number;
  readonly run: () => void;
}

const CLOSE_TIMEOUT_MS = 60_000;

/** Two session engines over an imagined mixnet with an imagined clock. The same world always goes the same way. */
export function simulate(world: World): { opener: End; acceptor: End; surbs: number; endedAt: number } {
  const happenings: Happening[] = [];
  let now = 0;
  let surbs = 0;
  const later = (delay: number, run: () => void) => void happenings.push({ at: now + delay, run });

  const sessionId = world.sessionId ?? newSessionId();
  const stock = new SurbStock();
  const common: Omit<EngineOptions, 'surbs'> = { sessionId, closeTimeoutMs: CLOSE_TIMEOUT_MS, now };
  const opener = new LiveEnd(
    new SessionEngine({ ...common, surbs: stock, startWithFrames: world.startWithFrames ?? false }),
    world.opener,
  );
  let acceptor: LiveEnd | undefined;

  /** As the official client does, replies without ever having had a SURB are dropped without a word. */
  const acceptorHas = { surbs: false };
  const deliverUp = (message: OutgoingMessage) => {
    surbs += message.replySurbs;
    acceptorHas.surbs ||= message.replySurbs > 0;
    acceptor ??= new LiveEnd(new SessionEngine({ ...common, surbs: undefined, now }), world.acceptor, now);
    acceptor.receive(message, now);
  };
  const deliverDown = (message: OutgoingMessage) => {
    stock.spent(replyPackets(message.payload.length));
    opener.receive(message, now);
  };

  for (let guard = 0; guard < 1_000_000; guard += 1) {
    for (const message of opener.run(now)) {
      const fate = world.fate('up', opener.messages - 1);
      for (const delay of fate) later(delay, () => deliverUp(message));
    }
    for (const message of acceptor?.run(now) ?? []) {
      const fate = world.fate('down', (acceptor?.messages ?? 1) - 1);
      for (const delay of acceptorHas.surbs ? fate : []) later(delay, () => deliverDown(message));
    }
    const next = Math.min(
      opener.next(now),
      acceptor?.next(now) ?? Infinity,
      ...happenings.map(({ at }) => at),
    );
    if (next > world.until) break;
    now = next;
    const due = happenings.filter(({ at }) => at <= now);
    happenings.splice(0, happenings.length, ...happenings.filter(({ at }) => at > now));
    for (const { run } of due) run();
  }
  acceptor ??= new LiveEnd(new SessionEngine({ ...common, surbs: undefined, now }), world.acceptor);
  return { opener: opener.end(), acceptor: acceptor.end(), surbs, endedAt: now };
}

class LiveEnd {
  readonly engine: SessionEngine;
  messages = 0;
  readonly #application: Application;
  readonly #chunks: Uint8Array[] = [];
  #written = 0;
  #mostUnread = 0;
  #writeAt: number;
  #readAt: number;
  /** Whether there may be something to read; cleared by a read that finds nothing. */
  #mayRead = false;

  constructor(engine: SessionEngine, application: Application, now = 0) {
    this.engine = engine;
    this.#application = application;
    this.#writeAt = now + application.writeEveryMs;
    this.#readAt = Math.max(now, application.readFromMs ?? 0);
  }

  receive(message: OutgoingMessage, now: number): void {
    this.engine.receive(decodeProxiedMessage(message.payload), now);
    this.#mayRead = true;
  }

  *run(now: number): Generator<OutgoingMessage> {
    this.#mostUnread = Math.max(this.#mostUnread, this.engine.unread);
    const { writes, writeEveryMs, readEveryMs } = this.#application;
    while (this.#writeAt <= now && this.#written <= writes.length) {
      const bytes = writes[this.#written];
      if (bytes === undefined) this.engine.finish();
      else this.engine.write(bytes);
      this.#written += 1;
      this.#writeAt += writeEveryMs;
    }
    while (this.#readAt <= now && this.#read(now)) this.#readAt += readEveryMs;
    if (this.#readAt <= now) this.#readAt = now + Math.max(1, readEveryMs);
    for (let message = this.engine.poll(now); message; message = this.engine.poll(now)) {
      this.messages += 1;
      yield message;
    }
  }

  next(now: number): number {
    const writing = this.#written <= this.#application.writes.length ? this.#writeAt : Infinity;
    const reading = this.#mayRead ? Math.max(this.#readAt, now + 1) : Infinity;
    return Math.min(this.engine.deadline ?? Infinity, writing, reading);
  }

  end(): End {
    const { outcome } = this.engine;
    return {
      engine: this.engine,
      received: new Uint8Array(Buffer.concat(this.#chunks)),
      sawEnd: this.engine.readToEnd,
      messages: this.messages,
      mostUnread: this.#mostUnread,
      error: outcome?.kind === 'reset' ? outcome.error : undefined,
    };
  }

  #read(now: number): boolean {
    const chunk = this.engine.take(now);
    if (chunk !== undefined) this.#chunks.push(chunk);
    this.#mayRead = chunk !== undefined;
    return this.#mayRead;
  }
}
