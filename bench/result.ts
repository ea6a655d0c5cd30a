import type { TrafficProfile } from '../src/mixnet/options.js';
import type { PolicyName } from './policy.js';
import type { Spread } from './statistics.js';

/** One line of the table. */
export interface Result {
  /** What was measured. */
  readonly name: string;
  readonly traffic: TrafficProfile;
  readonly policy: PolicyName;
  readonly unit: string;
  readonly value: Spread;
  /** What physics allows, in the same unit. */
  readonly limit?: number | undefined;
  /** Which of `value` and `limit` is the better, the higher. */
  readonly higherIsBetter: boolean;
  /** Remarks, as packets and SURBs used. */
  readonly notes?: Readonly<Record<string, number>> | undefined;
}
