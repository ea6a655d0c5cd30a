import type { LimitName, NymProxyClientEvents, NymProxyServerEvents } from '../index.js';
import type { Logger } from './log.js';
import { Throttle } from './throttle.js';

/** A flood must not become one of log lines. */
const PER_SECOND = 0.1;

/** A server, as far as its refusals are to be logged. */
export interface RefusalSource {
  on(event: 'refusal', listener: (value: NymProxyServerEvents['refusal']) => void): () => void;
}

/** A client, as far as the requests that it refuses are to be logged. */
export interface PageRefusalSource {
  on(event: 'refusal', listener: (value: NymProxyClientEvents['refusal']) => void): () => void;
}

const MEANINGS: Record<LimitName, string> = {
  sessions: 'as many sessions are open as may be (--max-sessions)',
  'sessions-per-sender': 'one mixnet client has as many sessions as it may (--max-sessions-per-sender)',
  'session-rate': 'sessions are opened faster than allowed (--session-rate)',
  'session-rate-per-sender':
    'one mixnet client opens sessions faster than allowed (--session-rate-per-sender)',
  'buffered-bytes': 'the sessions hold more bytes than allowed (--max-buffered)',
  'first-byte': 'nobody said anything in a session (--first-byte-timeout)',
  idle: 'nothing was carried for a long time (--idle-timeout)',
  token: 'no valid access token (--tokens-file)',
  'upstream-name': 'there is no upstream of the name asked for (--upstream)',
};

/**
 * Logs who is not let in, or has to go, and why; of each reason once in 10 s, with how often it was the reason.
 *
 * @param now a clock in ms.
 */
export function logRefusals(server: RefusalSource, log: Logger, now?: () => number): void {
  const throttles = new Map<LimitName, Throttle>();
  server.on('refusal', ({ limit }) => {
    const throttle = throttles.get(limit) ?? newThrottle(now);
    throttles.set(limit, throttle);
    tell(log, throttle, { limit }, (times) => `Refused${times}: ${MEANINGS[limit]}`);
  });
}

/** Logs which requests of web pages a client has refused; of each kind once in 10 s. */
export function logPageRefusals(client: PageRefusalSource, log: Logger, now?: () => number): void {
  const throttles = new Map<number, Throttle>();
  client.on('refusal', ({ status, reason }) => {
    const throttle = throttles.get(status) ?? newThrottle(now);
    throttles.set(status, throttle);
    tell(log, throttle, { status }, (times) => `A request was refused${times}: ${reason}`);
  });
}

function newThrottle(now: (() => number) | undefined): Throttle {
  return new Throttle(1, PER_SECOND, now);
}

function tell(
  log: Logger,
  throttle: Throttle,
  fields: Record<string, unknown>,
  text: (times: string) => string,
): void {
  const untold = throttle.next();
  if (untold === undefined) return;
  const count = untold + 1;
  log.warn({ ...fields, count, event: 'refusal' }, text(count === 1 ? '' : `, ${count} times`));
}
