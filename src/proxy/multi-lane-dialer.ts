import { Backoff } from '../mixnet/backoff.js';
import { orAborted } from '../mixnet/or-aborted.js';
import type { Connection } from '../session/connection.js';
import { MultiLaneConnection } from '../lanes/multi-lane-connection.js';
import { MAX_LANES, newConnectionId } from '../wire/lane.js';
import type { Carrier, Dialled, Dialer, DialOptions, SessionDialer } from './dialer.js';
import type { Servers } from './servers.js';
import { Tasks } from './tasks.js';

/**
 * Carries each connection over several sessions, each over a mixnet client of its own: together they have as many slots
 * for packets. Needs a server of ours.
 */
export class MultiLaneDialer implements Dialer {
  readonly #dialers: readonly SessionDialer[];
  readonly #servers: Servers;
  readonly #running = new Tasks();

  /**
   * @param dialers what opens the sessions, one for each lane; one that opens each over a new client may be repeated.
   * @param servers those of the dialers.
   */
  constructor(dialers: readonly SessionDialer[], servers: Servers) {
    this.#dialers = dialers;
    this.#servers = servers;
  }

  get carriers(): readonly Carrier[] {
    return [...new Set(this.#dialers)].flatMap(({ carriers }) => carriers);
  }

  async dial(signal?: AbortSignal, { upstream }: DialOptions = {}): Promise<Dialled> {
    const id = newConnectionId();
    const [first] = this.#dialers;
    if (first === undefined) throw new RangeError('there must be a lane');
    const dialled = await first.dial(signal, { lane: { connection: id, number: 0 }, upstream });
    const { server } = dialled;
    const ended = new AbortController();
    const furtherLanes = new FurtherLanes({
      id,
      dialers: this.#dialers,
      server,
      upstream,
      signal: ended.signal,
      open: (number, lane) => connection.add(number, lane),
      running: this.#running,
    });
    const connection: MultiLaneConnection = new MultiLaneConnection(dialled.connection, {
      onWelcome: (addresses) => furtherLanes.open(addresses),
      onLaneLost: (number) => furtherLanes.openAgain(number),
    });
    this.#servers.follow(server, connection);
    const end = () => ended.abort();
    connection.closed.then(end, end);
    return { connection, server };
  }

  async close(): Promise<void> {
    await Promise.all([...new Set(this.#dialers)].map((dialer) => dialer.close()));
    await this.#running.ended();
  }
}

interface FurtherLanesOptions {
  /** The connection's. */
  readonly id: string;
  readonly dialers: readonly SessionDialer[];
  /** Nym address of the server. */
  readonly server: string;
  /** As of {@link DialOptions}. */
  readonly upstream: string | undefined;
  /** Aborts when the connection has ended. */
  readonly signal: AbortSignal;
  readonly open: (number: number, lane: Connection) => void;
  readonly running: Tasks;
}

/** Opens the lanes of one connection besides the first, and others for those that are lost. */
class FurtherLanes {
  readonly #options: FurtherLanesOptions;
  readonly #backoffs = new Map<number, Backoff>();
  readonly #tries = new Map<number, number>();
  /** Nym addresses that lanes may lead to. */
  #addresses: readonly string[];

  constructor(options: FurtherLanesOptions) {
    this.#options = options;
    this.#addresses = [options.server];
  }

  /** @param addresses of the server's further mixnet clients. */
  open(addresses: readonly string[]): void {
    const { dialers, running } = this.#options;
    this.#addresses = [this.#options.server, ...addresses];
    for (let number = 1; number < dialers.length; number += 1) running.add(this.#dial(number, number));
  }

  /**
   * Opens another lane for one that is lost, over other addresses by turns: one that was lost may be so for good. What
   * comes for lane 0 has a number of its own, as a server that has forgotten the connection takes a lane 0 for a new one.
   */
  openAgain(lost: number): void {
    const number = lost === 0 ? this.#options.dialers.length : lost;
    if (number >= MAX_LANES) return;
    const backoff = this.#backoffs.get(number) ?? new Backoff();
    this.#backoffs.set(number, backoff);
    this.#options.running.add(this.#dialAfter(backoff.failed(), number));
  }

  async #dialAfter(ms: number, number: number): Promise<void> {
    const { signal } = this.#options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await orAborted(over, signal).catch(() => undefined);
    clearTimeout(timer);
    if (signal.aborted) return;
    const tries = (this.#tries.get(number) ?? 0) + 1;
    this.#tries.set(number, tries);
    await this.#dial(number, number + tries);
  }

  /** Without a mixnet client for it, the connection does without the lane. */
  async #dial(number: number, turn: number): Promise<void> {
    const { id, dialers, signal, open, upstream } = this.#options;
    const recipient = this.#addresses[turn % this.#addresses.length];
    const dialled = await dialers[number % dialers.length]
      ?.dial(signal, { lane: { connection: id, number }, recipient, upstream })
      .catch(() => undefined);
    if (dialled === undefined) return;
    this.#backoffs.get(number)?.started();
    open(number, dialled.connection);
  }
}

/** A dialer for connections over so many lanes; sessions of the others come from what `another` gives for each. */
export function overLanes(
  lanes: number,
  servers: Servers,
  first: SessionDialer,
  another: () => SessionDialer,
): Dialer {
  if (lanes === 1) return first;
  return new MultiLaneDialer([first, ...Array.from({ length: lanes - 1 }, another)], servers);
}
