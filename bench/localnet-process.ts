/**
 * The process of the benchmark's network, so that its CPU time is nobody else's. Started by `network.ts`.
 *
 * @module
 */
import { startLocalnet } from '../src/localnet/index.js';

/** What it says of packets that it had to drop; everything measured meanwhile is worth nothing. */
export interface TroubleReport {
  readonly trouble: string;
}

/** What it says once it runs. */
export interface LocalnetReport {
  readonly apiUrl: string;
  readonly envFile: string;
}

const localnet = await startLocalnet({
  onTrouble: (trouble) => void process.send?.({ trouble } satisfies TroubleReport),
});
process.on('disconnect', () => process.exit());
process.send?.({ apiUrl: localnet.apiUrl, envFile: localnet.envFile() } satisfies LocalnetReport);
