import type { LimitName, NymProxyServerEvents } from '../index.js';
import type { Logger } from './log.js';

/** A flood must not become one of log lines. */
const ONCE_PER_MS = 10_000;

/** A server, as far as its refusals are to be logged. */
export interface RefusalSource {
  on(event: 'refusal', listener: (value: NymProxyServerEvents['refusal']) => void): () => void;
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
export function logRefusals(server: RefusalSource, log: Logger, now = () => performance.now()): void {
  const told = new Map<LimitName, { at: number; untold: number }>();
  server.on('refusal', ({ limit }) => {
    const last = told.get(limit);
    if (last !== undefined && now() - last.at < ONCE_PER_MS) {
      last.untold += 1;
      return;
    }
    const count = (last?.untold ?? 0) + 1;
    told.set(limit, { at: now(), untold: 0 });
    const times = count === 1 ? '' : `, ${count} times`;
    log.warn({ limit, count, event: 'refusal' }, `Refused${times}: ${MEANINGS[limit]}`);
  });
}
