import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

import type { ClientTraffic, ProxyCounts, ProxyEvents } from '../index.js';
import { LIMITS } from '../../proxy/session-limits.js';
import { RESET_CODES } from '../../wire/reset-code.js';
import type { PageRefusalSource } from './refusal-log.js';
import { VERSION } from './version.js';

/** A client or server, as far as it is measured. */
export interface Measured {
  readonly counts: ProxyCounts;
  /** Whether a mixnet client is ready. */
  readonly ready: boolean;
  /** SURBs in the servers' hands, at a client. */
  readonly surbs?: number;
  /** Which server is in use, at a client. */
  readonly serverNumber?: number;
  traffic(): Promise<ClientTraffic>;
  on<E extends keyof ProxyEvents>(event: E, listener: (value: ProxyEvents[E]) => void): () => void;
}

/** Which of the bytes sent and received are on their way up, to the upstream. */
export type End = 'client' | 'server';

const RESET_REASONS = [...Object.keys(RESET_CODES), 'lost', 'other'];
const REFUSAL_STATUSES = [400, 403, 421, 431];

/** From a localnet's round trip to that of a crowded mixnet, in seconds. */
const ROUND_TRIP_BUCKETS = [0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.4, 3.2, 5, 8, 15, 30, 60];

/**
 * What Prometheus reads of a client or server: numbers only; no addresses, no session ids, and nothing that tells one
 * session or peer from another.
 *
 * @param pages what refuses requests of web pages, at a client.
 */
export function measure(proxy: Measured, end: End, pages?: PageRefusalSource): Registry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Gauges with the names of counters, which the same numbers have by kind too.
  for (const kind of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`);
  new Gauge({
    registers,
    name: 'nym_proxy_build_info',
    help: 'Always 1; the labels tell the version and the runtime',
    labelNames: ['version', 'runtime'],
  }).set({ version: VERSION, runtime: `node ${process.versions.node}` }, 1);

  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      registers,
      name: `nym_proxy_${name}`,
      help,
      collect() {
        this.set(value());
      },
    });
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      registers,
      name: `nym_proxy_${name}_total`,
      help,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  const counters = (
    name: string,
    help: string,
    label: string,
    keys: readonly string[],
    values: () => ReadonlyMap<string, number>,
  ) =>
    new Counter({
      registers,
      name: `nym_proxy_${name}_total`,
      help,
      labelNames: [label],
      collect() {
        this.reset();
        // All are there from the start: a rate is lost on a counter that begins with its first event.
        for (const key of keys) this.inc({ [label]: key }, 0);
        for (const [key, value] of values()) this.inc({ [label]: key }, value);
      },
    });

  gauge('sessions_open', 'Sessions open now', () => proxy.counts.sessionsOpen);
  counter('sessions_opened', 'Sessions opened', () => proxy.counts.sessionsOpened);
  counter('sessions_ended', 'Sessions that delivered all bytes', () => proxy.counts.sessionsEnded);
  counters('session_resets', 'Sessions reset, by reason', 'reason', RESET_REASONS, () => proxy.counts.resets);
  if (end === 'server')
    counters(
      'refusals',
      'What limits refused or ended, by limit',
      'limit',
      LIMITS,
      () => proxy.counts.refusals,
    );
  if (pages) countPageRefusals(pages, registers);
  counters(
    'bytes',
    'Bytes of the connections, up to the upstream and down from it',
    'direction',
    ['up', 'down'],
    () => {
      const { bytesSent, bytesReceived } = proxy.counts;
      const [up, down] = end === 'client' ? [bytesSent, bytesReceived] : [bytesReceived, bytesSent];
      return new Map(Object.entries({ up, down }));
    },
  );
  gauge('mixnet_client_ready', '1 if a mixnet client is ready, 0 if not', () => Number(proxy.ready));
  measurePackets(proxy, registers);
  countFailures(proxy, registers);
  if (proxy.surbs !== undefined)
    gauge('surbs', 'Reply SURBs in the hands of the servers, by our count', () => proxy.surbs ?? 0);
  if (proxy.serverNumber !== undefined)
    gauge(
      'server_in_use',
      'Which of the server addresses new connections go to, from 1',
      () => proxy.serverNumber ?? 0,
    );
  if (end === 'client') measureRoundTrips(proxy, registers);
  return registry;
}

function measurePackets(proxy: Measured, registers: Registry[]): void {
  const waiting = new Gauge({
    registers,
    name: 'nym_proxy_mixnet_packets_waiting',
    help: 'Sphinx packets given to the official clients and not yet sent; an estimate',
  });
  const sent = new Counter({
    registers,
    name: 'nym_proxy_mixnet_packets_sent_total',
    help: 'Sphinx packets sent, cover traffic included',
    async collect() {
      const { packetsSent, packetsWaiting } = await proxy.traffic();
      waiting.set(packetsWaiting);
      sent.reset();
      sent.inc(packetsSent);
    },
  });
}

function countFailures(proxy: Measured, registers: Registry[]): void {
  const failures = new Counter({
    registers,
    name: 'nym_proxy_mixnet_client_failures_total',
    help: 'Mixnet clients that were lost or did not start',
  });
  proxy.on('retry', () => failures.inc());
}

function countPageRefusals(pages: PageRefusalSource, registers: Registry[]): void {
  const refusals = new Counter({
    registers,
    name: 'nym_proxy_web_page_refusals_total',
    help: "Requests of other people's web pages that were refused, by the status of the answer",
    labelNames: ['status'],
  });
  for (const status of REFUSAL_STATUSES) refusals.inc({ status }, 0);
  pages.on('refusal', ({ status }) => refusals.inc({ status }));
}

function measureRoundTrips(proxy: Measured, registers: Registry[]): void {
  const roundTrips = new Histogram({
    registers,
    name: 'nym_proxy_opening_round_trip_seconds',
    help: "From a session's first bytes to its first answer, the upstream's time included; counted when it ends",
    buckets: ROUND_TRIP_BUCKETS,
  });
  const observe = (openingMs: number | undefined) => {
    if (openingMs !== undefined) roundTrips.observe(openingMs / 1000);
  };
  proxy.on('end', ({ openingMs }) => observe(openingMs));
  proxy.on('error', ({ session }) => observe(session.openingMs));
}
