import { v4 } from 'uuid';

import { WireError } from './errors.js';
import { SESSION_ID_BYTES, sessionIdFromBytes, sessionIdToBytes } from './session-id.js';
import type { Reader } from './varint.js';

/** Sessions that carry one connection together at most. */
export const MAX_LANES = 16;

/** Bytes of an encoded {@link Lane}. */
export const LANE_BYTES = SESSION_ID_BYTES + 1;

/** Says that a session is one of several that carry a connection together. */
export interface Lane {
  /**
   * Which connection: a UUID that only the two ends know. Whoever has it can join, so it belongs in no log.
   */
  readonly connection: string;
  /** Counts the connection's lanes from 0, below {@link MAX_LANES}; lane 0 opens the connection. */
  readonly number: number;
}

/** Draws what a connection over several lanes is known by. */
export function newConnectionId(): string {
  return v4();
}

/** Encodes a lane: 16 bytes of the connection, one of the number. */
export function encodeLane({ connection, number }: Lane): Uint8Array {
  return Uint8Array.of(...sessionIdToBytes(connection), number);
}

/** @throws {WireError} if it is cut short, or there can be no lane of that number. */
export function decodeLane(reader: Reader): Lane {
  const connection = sessionIdFromBytes(reader.bytes(SESSION_ID_BYTES));
  const number = reader.byte();
  if (number >= MAX_LANES) throw new WireError(`there can be no lane ${number}`);
  return { connection, number };
}
