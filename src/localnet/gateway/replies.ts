/**
 * The JSON messages of the gateway (gateway.md sections 2 to 8). After authentication an `error`, or a text the
 * official client does not know, makes it deaf for good: {@link refusal} is for before only.
 *
 * @module
 */
import type { ProtocolVersion } from './requests.js';
import type { SharedKey } from './shared-key.js';

/** The highest protocol of the official client 1.4.1, which refuses higher ones (gateway.md section 2.1). */
export const PROTOCOL_VERSION = 5;

/** From 5 on clients send frames that a legacy key cannot tell from older ones (gateway.md section 2.1). */
const HIGHEST_LEGACY_VERSION = 4;

/** What to tell a client that holds `key` and said it speaks `requested`. */
export function agreedVersion(key: SharedKey, requested: ProtocolVersion): ProtocolVersion {
  if (key.kind === 'siv') return PROTOCOL_VERSION;
  return requested === null ? null : Math.min(requested, HIGHEST_LEGACY_VERSION);
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
  return JSON.stringify({ type: 'register', protocol_version: protocolVersion, status: true });
}

export function authenticated(protocolVersion: ProtocolVersion, bandwidth: number): string {
  return JSON.stringify({
    type: 'authenticate',
    protocol_version: protocolVersion,
    status: true,
    bandwidth_remaining: bandwidth,
  });
}

/** How a version 1 authentication is refused; version 2 gets a {@link refusal}. */
export function notAuthenticated(protocolVersion: ProtocolVersion): string {
  return JSON.stringify({
    type: 'authenticate',
    protocol_version: protocolVersion,
    status: false,
    bandwidth_remaining: 0,
  });
}

/** An error before authentication. */
export function refusal(message: string): string {
  return JSON.stringify({ type: 'error', message });
}

export function bandwidthGranted(total: number): string {
  return JSON.stringify({ type: 'bandwidth', available_total: total });
}

export function packetSent(remainingBandwidth: number): string {
  return JSON.stringify({ type: 'send', remaining_bandwidth: remainingBandwidth });
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
