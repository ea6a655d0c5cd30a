/**
 * The gateway's part of the registration handshake (gateway.md section 3).
 *
 * @module
 */
import type { ExchangeKey, Identity } from '../keys.js';
import { signatureIsValid } from '../keys.js';
import { concat } from './bytes.js';
import { deriveSharedKey, nonceLength, openBare, SALT_LENGTH, sealBare } from './shared-key.js';
import type { SharedKey } from './shared-key.js';

/** The client's first message. */
export interface HandshakeHello {
  /** Its ed25519 identity key. */
  readonly identity: Uint8Array;
  /** Its ephemeral X25519 key. */
  readonly ephemeral: Uint8Array;
  /** `undefined` asks for a legacy key. */
  readonly salt: Uint8Array | undefined;
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

const LEGACY_HELLO_LENGTH = 64;
const LEGACY_IV = new Uint8Array(16);

/** Reads the client's first message; `undefined` if its length is wrong. */
export function readHello(data: Uint8Array): HandshakeHello | undefined {
  const salted = data.length === LEGACY_HELLO_LENGTH + SALT_LENGTH;
  if (!salted && data.length !== LEGACY_HELLO_LENGTH) return undefined;
  return {
    identity: data.slice(0, 32),
    ephemeral: data.slice(32, 64),
    salt: salted ? data.slice(64) : undefined,
  };
}

/**
 * Answers with the gateway's signature of both ephemeral keys. `ephemeral` and `nonce` must be fresh; a legacy
 * handshake does not use the nonce.
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
  const data =
    key.kind === 'siv'
      ? concat(ephemeral.publicKey, sealBare(key, nonce, signature), nonce)
      : concat(ephemeral.publicKey, sealBare(key, LEGACY_IV, signature));
  return { hello, key, ephemeral: ephemeral.publicKey, data };
}

/** Whether the client's second message proves that it holds its identity key and the shared one. */
export function clientProofIsValid({ hello, key, ephemeral }: HandshakeAnswer, data: Uint8Array): boolean {
  const nonceStart = key.kind === 'siv' ? Math.max(0, data.length - nonceLength(key)) : data.length;
  const nonce = key.kind === 'siv' ? data.subarray(nonceStart) : LEGACY_IV;
  const signature = openBare(key, nonce, data.subarray(0, nonceStart));
  if (signature === undefined) return false;
  return signatureIsValid(hello.identity, concat(hello.ephemeral, ephemeral), signature);
}
