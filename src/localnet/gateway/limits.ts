/**
 * The bounds of a gateway, so that no client and no packet can exhaust it.
 *
 * @module
 */

/** Bounds of one gateway. */
export interface GatewayLimits {
  /** Time for each message before authentication, in ms. */
  readonly initialMessageMs: number;
  /** Time for the second handshake message of the client, in ms. */
  readonly handshakeMessageMs: number;
  /** Messages a connection may send before it is registered or authenticated. */
  readonly initialMessages: number;
  /** Open connections. */
  readonly connections: number;
  /** Bytes of one WebSocket message. */
  readonly messageBytes: number;
  /** Bytes waiting in one client's socket; what would come on top is dropped. */
  readonly sendBufferBytes: number;
  /** Clients whose keys are kept. The one that authenticated longest ago makes room. */
  readonly clients: number;
  /** Messages kept for one offline client; the oldest makes room. */
  readonly inboxMessages: number;
  /** Bytes kept for all offline clients together; the oldest message of the client waiting longest makes room. */
  readonly inboxBytes: number;
  /** How long changes of the state may wait before they are written, in ms. */
  readonly saveDelayMs: number;
}

/** Five and ten seconds are those of a real gateway (gateway.md section 3); the others fit one machine. */
export const GATEWAY_LIMITS: GatewayLimits = {
  initialMessageMs: 10_000,
  handshakeMessageMs: 5_000,
  initialMessages: 16,
  connections: 1024,
  // The longest frame of a client has 33,184 bytes (gateway.md section 1), a JSON message with byte arrays a few more.
  messageBytes: 128 * 1024,
  // More than a whole inbox, which is sent in one go.
  sendBufferBytes: 16 * 1024 * 1024,
  clients: 4096,
  inboxMessages: 4000,
  inboxBytes: 8 * 1024 * 1024,
  saveDelayMs: 500,
};
