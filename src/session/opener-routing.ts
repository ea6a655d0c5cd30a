import { RecentKeys } from '../admission/recent-keys.js';
import type { Lane } from '../wire/lane.js';
import type { OpenRequest } from '../wire/open-request.js';
import { replyPackets } from '../wire/packet-count.js';
import type { SessionId } from '../wire/session-id.js';
import { proveAccess, type AccessToken } from './access-proof.js';
import { SessionEngine } from './engine/engine.js';
import { decodeMessage, PROXY_ENVELOPE, type Envelope } from './envelope.js';
import { DEFAULT_CLOSE_TIMEOUT_MS } from './limits.js';
import { SurbSupply } from './surbs/surb-supply.js';

/** Drained sessions whose late messages still count for the SURBs that they have spent. */
const MAX_REMEMBERED = 1024;

/** Recipients whose SURBs are counted; each takes some hundred bytes. Evicted ones start over at zero. */
const MAX_SUPPLIES = 8192;

/** How an opener opens sessions. */
export interface OpeningOptions {
  /** How the messages travel; as those of the TCP proxy unless given. */
  readonly envelope?: Envelope | undefined;
  /** Time in ms in which nothing is carried, after which a session is given up; never unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /** Silence after which an end that has sent everything to a Rust peer stops waiting, in ms; 60,000 unless given. */
  readonly closeTimeoutMs?: number | undefined;
  /** What the sessions need of an acceptor of ours; the recipient is taken for one then. */
  readonly wants?: Wants | undefined;
}

/** What only an acceptor of ours can give. */
export interface Wants {
  /** Name of the upstream; the acceptor's default one unless given. */
  readonly upstream?: string | undefined;
  /** Proves that sessions may be opened. */
  readonly token?: AccessToken | undefined;
}

/** What one session is opened with. */
export interface OpenOptions {
  /** SURBs that the recipient gets at once, 10 with each message, and is kept above half of: 120 at most. */
  readonly surbs?: number | undefined;
  /** What the session carries belongs to this lane; the recipient is taken for an acceptor of ours then. */
  readonly lane?: Lane | undefined;
  /** In place of {@link OpeningOptions.wants}. */
  readonly wants?: Wants | undefined;
}

interface Opened {
  readonly engine: SessionEngine;
  readonly recipient: string;
}

/**
 * Which session of an opener a message belongs to, and the SURBs that its client has given to each recipient. Without
 * input or output of its own; `opener.ts` drives it, and so do the tests' models.
 */
export class OpenerRouting {
  readonly #options: OpeningOptions;
  readonly #envelope: Envelope;
  /** Those that are closing, too. */
  readonly #opened = new Map<SessionId, Opened>();
  /** The supply that late messages of drained sessions have spent from. */
  readonly #drained = new RecentKeys<SessionId, SurbSupply>(MAX_REMEMBERED);
  /** For as long as the client lives: its SURBs are counted by their recipients for so long. */
  #supplies = new RecentKeys<string, SurbSupply>(MAX_SUPPLIES);

  constructor(options: OpeningOptions) {
    this.#options = options;
    this.#envelope = options.envelope ?? PROXY_ENVELOPE;
  }

  /** Sessions that have not ended for the application. */
  get size(): number {
    let open = 0;
    for (const { engine } of this.#opened.values()) if (engine.phase === 'open') open += 1;
    return open;
  }

  /** Entries kept of sessions that are closing or drained, and of recipients; lets tests check that memory is bounded. */
  get remembered(): number {
    return this.#opened.size - this.size + this.#drained.size + this.#supplies.size;
  }

  /** SURBs that the recipients have left to reply to this client, by our count. */
  get surbs(): number {
    let sum = 0;
    for (const supply of this.#supplies.values()) sum += supply.estimate;
    return sum;
  }

  /**
   * Opens a session.
   *
   * @param recipient Nym address of the acceptor.
   */
  open(recipient: string, extendedPackets: boolean, now: number, options: OpenOptions = {}): SessionEngine {
    const { closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, idleTimeoutMs, wants } = this.#options;
    const sessionId = this.#envelope.newSessionId();
    const supply = this.#supplyOf(recipient);
    if (options.surbs !== undefined && options.surbs > 0) supply.aimFor(options.surbs);
    const request = requestFor(sessionId, recipient, options.wants ?? wants ?? {}, options.lane);
    const engine = new SessionEngine({
      sessionId,
      envelope: this.#envelope,
      idleTimeoutMs,
      startWithFrames: request !== undefined,
      request,
      supply,
      extendedPackets,
      closeTimeoutMs,
      now,
    });
    this.#opened.set(sessionId, { engine, recipient });
    return engine;
  }

  /** Takes in what came over the client; gives the session that it changed. */
  receive(payload: Uint8Array, now: number): SessionEngine | undefined {
    const message = decodeMessage(payload, [this.#envelope])?.message;
    if (message === undefined) return undefined;
    const opened = this.#opened.get(message.sessionId);
    const supply = opened ? this.#supplyOf(opened.recipient) : this.#drained.get(message.sessionId);
    // Anyone may send to a Nym address: what belongs to no session of ours has spent no SURBs of ours.
    supply?.spent(replyPackets(payload.length));
    opened?.engine.receive(message, now);
    return opened?.engine;
  }

  /** Another client carries the sessions on. No recipient has any SURBs of it yet. */
  migrate(): void {
    const before = this.#supplies;
    this.#supplies = new RecentKeys(MAX_SUPPLIES);
    for (const { recipient } of this.#opened.values()) {
      const supply = before.get(recipient);
      if (supply && !this.#supplies.has(recipient)) this.#supplies.set(recipient, supply.successor());
    }
  }

  /** The SURBs given to the recipient of a session. */
  supplyFor(engine: SessionEngine): SurbSupply | undefined {
    const opened = this.#opened.get(engine.id);
    return opened && this.#supplyOf(opened.recipient);
  }

  /** A session is drained. */
  forget(engine: SessionEngine): void {
    const opened = this.#opened.get(engine.id);
    if (opened === undefined) return;
    this.#opened.delete(engine.id);
    this.#drained.set(engine.id, this.#supplyOf(opened.recipient));
  }

  #supplyOf(recipient: string): SurbSupply {
    const supply = this.#supplies.get(recipient) ?? new SurbSupply();
    this.#supplies.set(recipient, supply);
    return supply;
  }
}

function requestFor(
  sessionId: SessionId,
  recipient: string,
  { token, upstream }: Wants,
  lane: Lane | undefined,
): OpenRequest | undefined {
  if (token === undefined && upstream === undefined && lane === undefined) return undefined;
  const named = { ...(upstream !== undefined && { upstream }), ...(lane && { lane }) };
  if (token === undefined) return named;
  const time = Math.floor(Date.now() / 1000);
  return { ...named, proof: proveAccess(token, { recipient, sessionId, upstream: upstream ?? '', time }) };
}
