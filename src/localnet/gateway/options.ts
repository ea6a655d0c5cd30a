/**
 * What a gateway is started with.
 *
 * @module
 */
import type { GatewayLimits } from './limits.js';

/** Plain data that can be sent to a worker. */
export interface GatewayOptions {
  /** The 32-byte seed of the ed25519 identity key whose public half the directory announces. */
  readonly identitySeed: Uint8Array;
  /** The address to listen on. */
  readonly host: string;
  /** The WebSocket port. 0 lets the operating system choose. */
  readonly wsPort: number;
  /** Where client keys and inboxes are kept. Without it they live as long as the {@link GatewayMemory}. */
  readonly stateFile?: string;
  /** Bounds that differ from the default ones. */
  readonly limits?: Partial<GatewayLimits>;
}
