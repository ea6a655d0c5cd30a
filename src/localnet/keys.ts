/**
 * Ed25519 and X25519 keys as raw bytes, on `node:crypto`.
 *
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';

/** Length of every key, seed and shared secret here. */
export const KEY_LENGTH = 32;

/** PKCS #8 in front of a raw private key of 32 bytes (RFC 8410). */
const PKCS8_PREFIX = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
};
const CURVE = { ed25519: 'Ed25519', x25519: 'X25519' };

type KeyType = 'ed25519' | 'x25519';

/** An ed25519 key pair that signs. */
export interface Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 64-byte signature of `message`. */
  sign(message: Uint8Array): Uint8Array;
}

/** An X25519 key pair. */
export interface ExchangeKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The raw shared secret of 32 bytes, or `undefined` if the peer's key is of low order. */
  agree(peer: Uint8Array): Uint8Array | undefined;
}

/** The ed25519 key pair of a 32-byte seed. */
export function identityFromSeed(seed: Uint8Array): Identity {
  const privateKey = importPrivateKey('ed25519', seed);
  return {
    publicKey: exportPublicKey(privateKey),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

/** Whether `signature` is that of `message` by the ed25519 key; false for anything that is no key or signature. */
export function signatureIsValid(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_LENGTH || signature.length !== 64) return false;
  try {
    return verify(null, message, importPublicKey('ed25519', publicKey), signature);
  } catch {
    return false;
  }
}

/** The X25519 key pair of a 32-byte private key. */
export function exchangeKeyFromBytes(bytes: Uint8Array): ExchangeKey {
  const privateKey = importPrivateKey('x25519', bytes);
  return {
    publicKey: exportPublicKey(privateKey),
    agree: (peer) => {
      try {
        const secret = diffieHellman({ privateKey, publicKey: importPublicKey('x25519', peer) });
        return new Uint8Array(secret);
      } catch {
        return undefined;
      }
    },
  };
}

function importPrivateKey(type: KeyType, bytes: Uint8Array): KeyObject {
  const der = Buffer.concat([PKCS8_PREFIX[type], bytes]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function importPublicKey(type: KeyType, bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: CURVE[type], x }, format: 'jwk' });
}

function exportPublicKey(privateKey: KeyObject): Uint8Array {
  const { x }: JsonWebKey = createPublicKey(privateKey).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x ?? '', 'base64url'));
}
