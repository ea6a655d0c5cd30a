/**
 * The JSON messages of the gateway (gateway.md sections 2 to 8), as nym-node 1.31.0 sends them. After authentication an
 * `error`, or a text the official client does not know, makes it deaf for good: {@link refusal} is for before, and for
 * the claim of bandwidth that is part of a start.
 *
 * @module
 */
import type { ProtocolVersion } from './requests.js';
import type { FrameVersion } from './rules.js';

/** The highest protocol of nym-node 1.31.0. */
const PROTOCOL_VERSION = 6;
/** From here on clients send frames with a key rotation. */
const FIRST_WITH_ROTATION = 5;

/** Whether the system is being upgraded, while which bandwidth is not metered. */
const upgrade_mode = false;

/** What to tell a client that says it speaks `requested`. */
export function agreedVersion(frames: FrameVersion, requested: ProtocolVersion): ProtocolVersion {
  const least = frames === 'v2' ? FIRST_WITH_ROTATION : 0;
  return requested === null && least === 0
    ? null
    : Math.min(Math.max(requested ?? 0, least), PROTOCOL_VERSION);
}

export function supportedProtocol(): string {
  return JSON.stringify({ type: 'supportedProtocol', version: PROTOCOL_VERSION });
}

export function handshakePayload(protocolVersion: ProtocolVersion, data: Uint8Array): string {
  return JSON.stringify({
    type: 'handshakePayload',
    protocol_version: protocolVersion,
    data: Array.from(data),
  });
}

export function handshakeError(message: string): string {
  return JSON.stringify({ type: 'handshakeError', message });
}

export function registered(protocolVersion: ProtocolVersion): string {
  return JSON.stringify({ type: 'register', protocol_version: protocolVersion, status: true, upgrade_mode });
}

export function authenticated(protocolVersion: ProtocolVersion, bandwidth: number): string {
  return JSON.stringify({
    type: 'authenticate',
    protocol_version: protocolVersion,
    status: true,
    bandwidth_remaining: bandwidth,
    upgrade_mode,
  });
}

/** An error, before or in place of what a start needs. */
export function refusal(message: string): string {
  return JSON.stringify({ type: 'error', message });
}

export function bandwidthGranted(total: number): string {
  return JSON.stringify({ type: 'bandwidth', available_total: total, upgrade_mode });
}

export function packetSent(remainingBandwidth: number): string {
  return JSON.stringify({ type: 'send', remaining_bandwidth: remainingBandwidth, upgrade_mode });
}

export function outOfBandwidth(required: number, available: number): string {
  return JSON.stringify({ type: 'typedError', error: { out_of_bandwidth: { required, available } } });
}

export function encryptedResponse(ciphertext: Uint8Array, nonce: Uint8Array): string {
  return JSON.stringify({
    type: 'encryptedResponse',
    ciphertext: Array.from(ciphertext),
    nonce: Array.from(nonce),
  });
}
