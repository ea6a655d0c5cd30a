/**
 * Both ends of connections over several lanes, with chosen times between packets.
 *
 * @module
 */
import { startMixnetClient } from '../src/mixnet/node/start.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { ClientPool } from '../src/mixnet/pool.js';
import { SharedDialer } from '../src/proxy/dialer.js';
import type { UpstreamConnection } from '../src/proxy/join.js';
import { SessionServer } from '../src/proxy/server.js';
import { Servers } from '../src/proxy/servers.js';
import { MultiLaneDialer } from '../src/proxy/multi-lane-dialer.js';
import { answer } from './policy.js';

/** One end. */
export interface LanesEnd {
  readonly traffic: TrafficProfile;
  /** Its mixnet clients. */
  readonly lanes: number;
  /** Mean time between two packets of each. */
  readonly slotMs: number;
}

/** Answers requests that come over so many mixnet clients, as long as the process lives; gives its Nym address. */
export async function serveLanes(apiUrl: string, end: LanesEnd): Promise<string> {
  const server = new SessionServer({ connectUpstream: () => Promise.resolve(answering()) });
  const clients = await Promise.all(Array.from({ length: end.lanes }, () => startClient(apiUrl, end)));
  clients.forEach((client, number) => void server.serve(client, new AbortController().signal, number));
  const [{ address } = { address: '' }] = clients;
  return address;
}

/** Opens connections over so many mixnet clients, all of them ready. */
export async function dialLanes(apiUrl: string, server: string, end: LanesEnd): Promise<MultiLaneDialer> {
  const pool = new ClientPool({ reserve: 0, start: () => startClient(apiUrl, end) });
  const servers = new Servers([server]);
  const dialers = Array.from({ length: end.lanes }, () => new SharedDialer(pool, { servers }));
  const dialer = new MultiLaneDialer(dialers, servers);
  while (dialer.carriers.length < end.lanes) await new Promise((resolve) => setTimeout(resolve, 50));
  return dialer;
}

function startClient(apiUrl: string, { traffic, slotMs }: LanesEnd) {
  const network = { name: 'localnet', apiUrl };
  return startMixnetClient({ network, traffic, averageSendingDelayMs: slotMs });
}

/** An upstream that answers requests. */
function answering(): UpstreamConnection {
  const requests = new TransformStream<Uint8Array, Uint8Array>();
  const answers = new TransformStream<Uint8Array, Uint8Array>();
  void answer({ readable: requests.readable, writable: answers.writable }).catch(() => undefined);
  return {
    readable: answers.readable,
    writable: requests.writable,
    failure: undefined,
    fail: () => Promise.resolve(),
    reset: () => undefined,
  };
}
