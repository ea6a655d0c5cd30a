import { StripedConnection } from '../stripes/striped-connection.js';
import { newConnectionId } from '../wire/lane.js';
import type { Carrier, DialOptions, Dialled, Dialer, SessionDialer } from './dialer.js';
import type { Servers } from './servers.js';
import { Tasks } from './tasks.js';

/**
 * Carries each connection over several sessions, each over a mixnet client of its own: together they have as many slots
 * for packets. Needs a server of ours.
 */
export class StripedDialer implements Dialer {
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

  async dial(signal?: AbortSignal, options: DialOptions = {}): Promise<Dialled> {
    const id = newConnectionId();
    const [first, ...others] = this.#dialers;
    if (first === undefined) throw new RangeError('there must be a lane');
    const dialled = await first.dial(signal, { ...options, lane: { connection: id, number: 0 } });
    const { server } = dialled;
    const ended = new AbortController();
    const striped: StripedConnection = new StripedConnection(dialled.connection, {
      onWelcome: (further) => {
        const addresses = [server, ...further];
        others.forEach((dialer, index) => {
          const number = index + 1;
          const recipient = addresses[number % addresses.length];
          const lane = { connection: id, number };
          this.#running.add(
            addLane(striped, number, dialer.dial(ended.signal, { ...options, lane, recipient })),
          );
        });
      },
    });
    this.#servers.follow(server, striped);
    const end = () => ended.abort();
    striped.closed.then(end, end);
    return { connection: striped, server };
  }

  async close(): Promise<void> {
    await Promise.all([...new Set(this.#dialers)].map((dialer) => dialer.close()));
    await this.#running.ended();
  }
}

/** Without a mixnet client for it, the connection does without the lane. */
async function addLane(
  connection: StripedConnection,
  number: number,
  dialled: Promise<Dialled>,
): Promise<void> {
  const lane = await dialled.catch(() => undefined);
  if (lane === undefined) return;
  connection.add(number, lane.connection);
}

/** A dialer for connections over so many lanes; sessions of the others come from what `another` gives for each. */
export function overLanes(
  lanes: number,
  servers: Servers,
  first: SessionDialer,
  another: () => SessionDialer,
): Dialer {
  if (lanes === 1) return first;
  return new StripedDialer([first, ...Array.from({ length: lanes - 1 }, another)], servers);
}
