/**
 * What a gateway is started with.
 *
 * @module
 */
import type { GatewayLimits } from './limits.js';
import type { GatewayRules } from './rules.js';

/** The certificate of a gateway that offers TLS. */
export interface GatewayTls {
  /** The private key, in PEM. */
  readonly key: string;
  /** The certificate and what chains it to the authority that clients trust, in PEM. */
  readonly cert: string;
  /** 0 lets the operating system choose. */
  readonly wssPort: number;
}

/** Plain data that can be sent to a worker. */
export interface GatewayOptions {
  /** The 32-byte seed of the ed25519 identity key whose public half the directory announces. */
  readonly identitySeed: Uint8Array;
  /** The address to listen on. */
  readonly host: string;
  /** The WebSocket port. 0 lets the operating system choose. */
  readonly wsPort: number;
  /** With which the gateway listens for TLS as well. */
  readonly tls?: GatewayTls | undefined;
  /** Where client keys and inboxes are kept. Without it they live as long as the {@link GatewayMemory}. */
  readonly stateFile?: string;
  /** Bounds that differ from the default ones. */
  readonly limits?: Partial<GatewayLimits>;
  /** What differs from the rules of real gateways. */
  readonly rules?: Partial<GatewayRules> | undefined;
}
