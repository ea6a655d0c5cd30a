/**
 * The gateway's part of the registration handshake (gateway.md section 3).
 *
 * @module
 */
import type { ExchangeKey, Identity } from '../keys.js';
import { signatureIsValid } from '../keys.js';
import { concat } from './bytes.js';
import { deriveSharedKey, NONCE_LENGTH, open, SALT_LENGTH, seal } from './shared-key.js';
import type { SharedKey } from './shared-key.js';

/** The client's first message. */
export interface HandshakeHello {
  /** Its ed25519 identity key. */
  readonly identity: Uint8Array;
  /** Its ephemeral X25519 key. */
  readonly ephemeral: Uint8Array;
  /** 16 bytes. */
  readonly salt: Uint8Array;
}

/** The gateway's answer, and what it needs to understand the client's second message. */
export interface HandshakeAnswer {
  readonly hello: HandshakeHello;
  readonly key: SharedKey;
  /** The gateway's ephemeral X25519 key. */
  readonly ephemeral: Uint8Array;
  /** What to send. */
  readonly data: Uint8Array;
}

/** What the fourth message carries if all went well. */
export const HANDSHAKE_SUCCESS = 1;

/** Both public keys and the salt; clients of old send 64 bytes, without one. */
const HELLO_LENGTH = 64 + SALT_LENGTH;

/** Reads the client's first message; `undefined` if its length is wrong. */
export function readHello(data: Uint8Array): HandshakeHello | undefined {
  if (data.length !== HELLO_LENGTH) return undefined;
  return { identity: data.slice(0, 32), ephemeral: data.slice(32, 64), salt: data.slice(64) };
}

/**
 * Answers with the gateway's signature of both ephemeral keys. `ephemeral` and `nonce` must be fresh.
 *
 * @returns `undefined` if the client's ephemeral key is of low order
 */
export function answerHello(
  identity: Identity,
  hello: HandshakeHello,
  ephemeral: ExchangeKey,
  nonce: Uint8Array,
): HandshakeAnswer | undefined {
  const secret = ephemeral.agree(hello.ephemeral);
  if (secret === undefined) return undefined;
  const key = deriveSharedKey(secret, hello.salt);
  const signature = identity.sign(concat(ephemeral.publicKey, hello.ephemeral));
  const data = concat(ephemeral.publicKey, seal(key, nonce, signature), nonce);
  return { hello, key, ephemeral: ephemeral.publicKey, data };
}

/** Whether the client's second message proves that it holds its identity key and the shared one. */
export function clientProofIsValid({ hello, key, ephemeral }: HandshakeAnswer, data: Uint8Array): boolean {
  const nonceStart = Math.max(0, data.length - NONCE_LENGTH);
  const signature = open(key, data.subarray(nonceStart), data.subarray(0, nonceStart));
  if (signature === undefined) return false;
  return signatureIsValid(hello.identity, concat(hello.ephemeral, ephemeral), signature);
}
