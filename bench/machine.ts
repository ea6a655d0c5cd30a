import { cpus } from 'node:os';

/** Cores that this machine has. */
export const CORES = cpus().length;

/** Time in ms for which all cores together have not been idle, since the machine came up. */
export function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
