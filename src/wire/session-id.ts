import { v4 } from 'uuid';

import { WireError } from './errors.js';

/** Bytes of a session id on the wire. */
export const SESSION_ID_BYTES = 16;

/** The highest version of the session protocol that this code speaks (`frame.ts`); 1 is the lowest there is. */
export const SESSION_PROTOCOL_VERSION = 2;

/**
 * A session id as text, in the form of a UUID. Only the two ends of a session know it; whoever has it can send in
 * the session's name, so it belongs in no log.
 */
export type SessionId = string;

/**
 * Makes the id of a session whose opener understands frames: a UUID v8 (RFC 9562 section 5.8) whose 12 bits
 * `custom_b` state the session protocol's version, all other bits random. The Rust client draws UUID v4, and its
 * server accepts any 16 bytes, so this tells the acceptor what the opener is without a handshake.
 */
export function newSessionId(version = SESSION_PROTOCOL_VERSION): SessionId {
  const bytes = v4({}, new Uint8Array(SESSION_ID_BYTES));
  bytes[6] = 0x80 | (version >> 8);
  bytes[7] = version & 0xff;
  return sessionIdFromBytes(bytes);
}

/** The highest version of the session protocol that the opener of this session speaks; 0 is legacy mode, without frames. */
export function sessionProtocolVersion(id: SessionId): number {
  const isVersion8 = id[14] === '8' && '89ab'.includes(id[19] ?? '');
  return isVersion8 ? Number.parseInt(id.slice(15, 18), 16) : 0;
}

/** @throws {WireError} unless there are 16 bytes. */
export function sessionIdFromBytes(bytes: Uint8Array): SessionId {
  if (bytes.length !== SESSION_ID_BYTES)
    throw new WireError(`a session id has 16 bytes, not ${bytes.length}`);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @throws {WireError} unless `id` has the form of a UUID. */
export function sessionIdToBytes(id: SessionId): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    throw new WireError('a session id is a UUID in lower case');
  const digits = id.replaceAll('-', '').match(/../g) ?? [];
  return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
}
