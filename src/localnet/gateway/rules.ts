/**
 * How a gateway treats its clients.
 *
 * @module
 */

/**
 * The frames in which clients send packets. `v1` is what real gateways bring about: they repeat the client's protocol
 * version, for which the official client 1.4.1 gives its packets no key rotation. `v2`: such a client is told version 5,
 * and sends the key rotation along.
 */
export type FrameVersion = 'v1' | 'v2';

/** What a gateway may be told of its business. */
export interface GatewayRules {
  /** Whether clients get bandwidth for nothing; otherwise only for credentials. */
  readonly freeBandwidth: boolean;
  /**
   * Free bandwidth ends with the day in which it was claimed. A day of so many ms, counted from the start of 1970 in
   * UTC.
   */
  readonly dayMs: number;
  readonly frames: FrameVersion;
}

/** As real gateways have it, those that need no credentials. */
export const GATEWAY_RULES: GatewayRules = { freeBandwidth: true, dayMs: 24 * 3600 * 1000, frames: 'v1' };
