/**
 * The process of a benchmark's server, so that its CPU time and memory are its own. Started by `server.ts`.
 *
 * @module
 */
import { startMixnetClient } from '../src/mixnet/node/start.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { NymProxyServer } from '../src/node/proxy-server.js';
import { answerAlone } from './alone.js';
import { CountingClient } from './counting-client.js';
import { POLICIES, type PolicyName } from './policy.js';
import { serveLanes, type LanesEnd } from './lane-ends.js';
import { newUsage, type Usage } from './usage.js';

/** What the process is told on its command line, as JSON. */
export type ServerOrder = { readonly traffic: TrafficProfile } & (
  | { readonly kind: 'sessions'; readonly apiUrl: string; readonly policy: PolicyName }
  | { readonly kind: 'alone'; readonly apiUrl: string }
  | ({ readonly kind: 'lanes'; readonly apiUrl: string } & LanesEnd)
  /** A whole proxy server in front of an upstream, `host:port`. */
  | { readonly kind: 'proxy'; readonly env: string; readonly upstream: string }
);

/** What it says, first when it serves and then whenever it is asked. */
export interface ServerReport extends Usage {
  readonly address: string;
}

const order = JSON.parse(process.argv[2] ?? '') as ServerOrder;
const { address, usage } = await serve();

const report = () => void usage().then((used) => process.send?.({ address, ...used } satisfies ServerReport));
process.on('message', report);
process.on('disconnect', () => process.exit());
report();

async function serve(): Promise<{ address: string; usage: () => Promise<Usage> }> {
  const { traffic } = order;
  if (order.kind === 'proxy') {
    const limits = { maxSessions: 0, maxSessionsPerSender: 0, sessionRate: 0, sessionRatePerSender: 0 };
    const server = await NymProxyServer.create({ env: order.env, upstream: order.upstream, traffic, limits });
    void server.run();
    return { address: server.nymAddress, usage: () => newUsage(undefined) };
  }
  if (order.kind === 'lanes') {
    return { address: await serveLanes(order.apiUrl, order), usage: () => newUsage(undefined) };
  }
  const policy = order.kind === 'alone' ? { settings: {}, serve: answerAlone } : POLICIES[order.policy];
  const network = { name: 'localnet', apiUrl: order.apiUrl };
  const started = await startMixnetClient({ network, traffic, ...policy.settings });
  const client = new CountingClient(started);
  policy.serve(client);
  return { address: client.address, usage: () => newUsage(client) };
}
