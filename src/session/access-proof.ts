import { OptionError } from '../basics/options-check.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';

import type { AccessProof } from '../wire/open-request.js';
import { SESSION_ID_BYTES, sessionIdToBytes, type SessionId } from '../wire/session-id.js';
import { isStreamId } from '../wire/stream-frame.js';
import { varintBytes, writeVarint } from '../wire/varint.js';

const LABEL = new TextEncoder().encode('nym-tcp-proxy access 1');

/** A shared secret as bytes: 16 to 256 printable ASCII characters without blanks. */
export type AccessToken = Uint8Array;

const TOKEN = /^[\x21-\x7e]{16,256}$/;

/**
 * Reads an access token.
 *
 * @throws {RangeError} saying what a token looks like, never the text itself.
 */
export function parseAccessToken(text: string): AccessToken {
  if (TOKEN.test(text)) return new TextEncoder().encode(text);
  throw new OptionError(
    'an access token has 16 to 256 characters without blanks, for example what "openssl rand -base64 32" prints',
  );
}

/** What a proof of access is bound to, so that it is good for one session with one server only. */
export interface ProofContext {
  /** Nym address of the acceptor, as text. */
  readonly recipient: string;
  readonly sessionId: SessionId;
  /** Name of the upstream asked for, or empty. */
  readonly upstream: string;
  /** Seconds since 1970. */
  readonly time: number;
}

/** Proves that one holds the token. */
export function proveAccess(token: AccessToken, context: ProofContext): AccessProof {
  return { time: context.time, mac: hmac(sha256, token, proofMessage(context)) };
}

/** Checks proofs against one token; keeps the keyed state of HMAC, so that many tokens cost little. */
export function proofChecker(token: AccessToken): (message: Uint8Array, mac: Uint8Array) => boolean {
  const keyed = hmac.create(sha256, token);
  return (message, mac) => equalInConstantTime(keyed.clone().update(message).digest(), mac);
}

/**
 * What the HMAC is of:
 *
 * ```
 * "nym-tcp-proxy access 1" ‖ length (varint) ‖ acceptor's Nym address ‖ session id (16 bytes)
 * ‖ length (varint) ‖ name of the upstream ‖ Unix time in seconds (varint)
 * ```
 *
 * The id of a stream, 8 bytes, stands behind 8 zero bytes, with which no session id of ours starts.
 */
export function proofMessage({ recipient, sessionId, upstream, time }: ProofContext): Uint8Array {
  const parts = [LABEL, ...withLength(recipient), idBytes(sessionId), ...withLength(upstream), varint(time)];
  return concatBytes(...parts);
}

function idBytes(id: SessionId): Uint8Array {
  if (!isStreamId(id)) return sessionIdToBytes(id);
  const bytes = new Uint8Array(SESSION_ID_BYTES);
  new DataView(bytes.buffer).setBigUint64(SESSION_ID_BYTES - 8, BigInt(`0x${id}`));
  return bytes;
}

function withLength(text: string): readonly [Uint8Array, Uint8Array] {
  const bytes = new TextEncoder().encode(text);
  return [varint(bytes.length), bytes];
}

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(varintBytes(value));
  writeVarint(new DataView(bytes.buffer), 0, value);
  return bytes;
}

function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (const [at, byte] of a.entries()) difference |= byte ^ (b[at] ?? 0);
  return difference === 0;
}
