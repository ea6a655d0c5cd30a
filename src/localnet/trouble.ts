/**
 * Telling the owner of a localnet what its counters would only tell those who look.
 *
 * @module
 */
import type { LocalnetCounters } from './network.js';

const LOOK_EVERY_MS = 1000;

/** A machine that is too busy for a while says so once in this time. */
const REPORT_LATE_EVERY_MS = 10_000;

/**
 * Looks at the counters now and then, and tells `onTrouble` once of each node that drops packets by a fault of its own,
 * and now and then of packets that were dropped because the machine is too busy.
 *
 * @returns what looks a last time and then ends it; never rejects
 */
export function watchTrouble(
  counters: () => Promise<LocalnetCounters>,
  onTrouble: ((what: string) => void) | undefined,
): () => Promise<void> {
  if (onTrouble === undefined) return () => Promise.resolve();
  const failed = new Set<number>();
  let lateToldAt = -Infinity;
  let lateTold = 0;

  const look = async (last: boolean): Promise<void> => {
    const { total, nodes } = await counters();
    for (const { id, fault } of nodes) {
      if (fault === undefined || failed.has(id)) continue;
      failed.add(id);
      onTrouble(`node ${id} drops packets by a fault of its own: ${fault}`);
    }
    const late = total.dropped.late - lateTold;
    const now = performance.now();
    if (late === 0 || (!last && now - lateToldAt < REPORT_LATE_EVERY_MS)) return;
    lateToldAt = now;
    lateTold = total.dropped.late;
    onTrouble(
      `the machine is too busy for this load: ${late} packets came too late to be of use, and were dropped`,
    );
  };
  // The nodes are being ended.
  const lookSafely = (last: boolean): Promise<void> => look(last).catch(() => undefined);
  const timer = setInterval(() => void lookSafely(false), LOOK_EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await lookSafely(true);
  };
}
