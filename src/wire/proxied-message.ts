import { WireError } from './errors.js';
import { SESSION_ID_BYTES, sessionIdFromBytes, sessionIdToBytes, type SessionId } from './session-id.js';

/**
 * One mixnet message of the TCP proxy. `data` and `close` are what the Rust SDK knows; `frames` is our own payload
 * variant, which a Rust server skips and a Rust client does not survive: send it to peers that speak it only.
 */
export interface ProxiedMessage {
  readonly sessionId: SessionId;
  /** 0 to 65,535; counts the messages of one direction of a session and wraps. */
  readonly messageId: number;
  readonly kind: ProxiedMessageKind;
  /** The connection's bytes (`data`), encoded frames (`frames`), or empty (`close`). */
  readonly body: Uint8Array;
}

export type ProxiedMessageKind = 'data' | 'close' | 'frames';

/** The payload variant of each kind (tcp-proxy.md section 1; session-protocol section 1 for `frames`). */
const VARIANTS: readonly ProxiedMessageKind[] = ['data', 'close', 'frames'];

const VARIANT_BYTES = 4;
const LENGTH_BYTES = 8;
const TRAILER_BYTES = LENGTH_BYTES + SESSION_ID_BYTES + 2;

/** Bytes of a `data` or `frames` message besides its body: 38. */
export const PROXIED_MESSAGE_OVERHEAD_BYTES = VARIANT_BYTES + LENGTH_BYTES + TRAILER_BYTES;

/**
 * Encodes a message as bincode 1 does with its default options: little endian, fixed-width integers
 * (tcp-proxy.md section 1).
 */
export function encodeProxiedMessage(message: ProxiedMessage): Uint8Array {
  const { kind, body } = message;
  const bodyBytes = kind === 'close' ? 0 : LENGTH_BYTES + body.length;
  const bytes = new Uint8Array(VARIANT_BYTES + bodyBytes + TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VARIANTS.indexOf(kind), true);
  if (kind !== 'close') {
    view.setBigUint64(VARIANT_BYTES, BigInt(body.length), true);
    bytes.set(body, VARIANT_BYTES + LENGTH_BYTES);
  }
  const trailer = VARIANT_BYTES + bodyBytes;
  view.setBigUint64(trailer, BigInt(SESSION_ID_BYTES), true);
  bytes.set(sessionIdToBytes(message.sessionId), trailer + LENGTH_BYTES);
  view.setUint16(trailer + LENGTH_BYTES + SESSION_ID_BYTES, message.messageId, true);
  return bytes;
}

/**
 * Decodes a message; its body is a view of `bytes`.
 *
 * @throws {WireError} if it is not exactly one message.
 */
export function decodeProxiedMessage(bytes: Uint8Array): ProxiedMessage {
  if (bytes.length < VARIANT_BYTES + TRAILER_BYTES)
    throw new WireError(`a message of ${bytes.length} bytes is too short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const variant = view.getUint32(0, true);
  const kind = VARIANTS[variant];
  if (kind === undefined) throw new WireError(`payload variant ${variant} is unknown`);

  const trailer = bytes.length - TRAILER_BYTES;
  const bodyStart = kind === 'close' ? VARIANT_BYTES : VARIANT_BYTES + LENGTH_BYTES;
  if (trailer < bodyStart) throw new WireError(`a ${kind} message of ${bytes.length} bytes is too short`);
  const bodyLength = kind === 'close' ? 0n : view.getBigUint64(VARIANT_BYTES, true);
  if (bodyLength !== BigInt(trailer - bodyStart)) {
    throw new WireError(`a body of ${bodyLength.toString()} bytes does not fit a message of ${bytes.length}`);
  }
  const idLength = view.getBigUint64(trailer, true);
  if (idLength !== BigInt(SESSION_ID_BYTES))
    throw new WireError(`a session id has 16 bytes, not ${idLength.toString()}`);

  const idStart = trailer + LENGTH_BYTES;
  return {
    kind,
    body: bytes.subarray(bodyStart, trailer),
    sessionId: sessionIdFromBytes(bytes.subarray(idStart, idStart + SESSION_ID_BYTES)),
    messageId: view.getUint16(idStart + SESSION_ID_BYTES, true),
  };
}
