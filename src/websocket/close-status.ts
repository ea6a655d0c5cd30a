/**
 * What a Close frame says (RFC 6455 sections 5.5.1 and 7.4).
 *
 * @module
 */
import { protocolError, WebSocketError } from './errors.js';
import { MAX_CONTROL_BYTES } from './frame.js';

/** Why a connection was closed. */
export interface CloseStatus {
  readonly code: number;
  readonly reason: string;
}

/** The Close frame was empty. */
const NO_STATUS = 1005;
/** There was no Close frame. */
export const ABNORMAL = 1006;

const NORMAL = 1000;
const CODE_BYTES = 2;
const MAX_REASON_BYTES = MAX_CONTROL_BYTES - CODE_BYTES;

/** Codes that mean something else than what a peer may say, though they are among those of the RFC. */
const NEVER_SENT: ReadonlySet<number> = new Set([1004, NO_STATUS, ABNORMAL]);
const LAST_REGISTERED = 1014;
const FIRST_PRIVATE = 3000;
const LAST_PRIVATE = 4999;

/**
 * The payload for what an application gave to `close()`.
 *
 * @throws {DOMException} `InvalidAccessError` for a code, `SyntaxError` for a reason that cannot be sent.
 */
export function closePayload(code: number | undefined, reason = ''): Uint8Array {
  const bytes = new TextEncoder().encode(reason);
  const clamped = code === undefined ? undefined : Math.round(Math.min(Math.max(code, 0), 2 ** 16 - 1));
  if (clamped !== undefined && clamped !== NORMAL && !isPrivate(clamped)) {
    throw new DOMException(
      `${code ?? ''} is no code to close with; give 1000 or one from 3000 to 4999.`,
      'InvalidAccessError',
    );
  }
  if (bytes.length > MAX_REASON_BYTES) {
    throw new DOMException(
      `The reason is ${bytes.length} bytes of UTF-8; a Close frame holds at most ${MAX_REASON_BYTES}.`,
      'SyntaxError',
    );
  }
  return clamped === undefined ? new Uint8Array() : encodeClose(clamped, bytes);
}

/** The payload of a Close frame. */
export function encodeClose(code: number, reason: Uint8Array = new Uint8Array()): Uint8Array {
  const payload = new Uint8Array(CODE_BYTES + reason.length);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(reason, CODE_BYTES);
  return payload;
}

/**
 * Reads the payload of a Close frame.
 *
 * @throws {WebSocketError} if no server may send it.
 */
export function decodeClose(payload: Uint8Array): CloseStatus {
  const [high, low] = payload;
  if (high === undefined) return { code: NO_STATUS, reason: '' };
  if (low === undefined) throw protocolError('the server sent a Close frame with half a code');
  const code = high * 256 + low;
  if (!mayBeReceived(code)) throw protocolError(`the server closed with ${code}, which is no such code`);
  try {
    return { code, reason: new TextDecoder('utf-8', { fatal: true }).decode(payload.subarray(CODE_BYTES)) };
  } catch (cause) {
    throw new WebSocketError('the server gave a reason for closing that is not UTF-8', 1007, { cause });
  }
}

/** The answer to a Close frame says the same code. */
export function closeAnswer({ code }: CloseStatus): Uint8Array {
  return code === NO_STATUS ? new Uint8Array() : encodeClose(code);
}

function mayBeReceived(code: number): boolean {
  return (code >= NORMAL && code <= LAST_REGISTERED && !NEVER_SENT.has(code)) || isPrivate(code);
}

function isPrivate(code: number): boolean {
  return code >= FIRST_PRIVATE && code <= LAST_PRIVATE;
}
