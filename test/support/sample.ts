import { readdirSync } from 'node:fs';

import type { Sample } from './peer-protocol.js';

/** Measures this process; collects its garbage first, if it was started with `--expose-gc`. */
export function takeSample(sessionsOpen = 0): Sample {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rssMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
    descriptors: countDescriptors(),
    handles: process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length,
    sessionsOpen,
  };
}

function countDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
