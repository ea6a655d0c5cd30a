import { hkdfSync } from 'node:crypto';

import { FIRST_SEEDED_VERSION, type SphinxVersion } from './format.js';
import { LIONESS_KEY_LENGTH } from './lioness.js';

/** What a hop derives from the secret that it shares with the sender (sphinx.md section 3). */
export interface HopKeys {
  /** 16 bytes: AES-128-CTR key of the routing block. */
  readonly streamKey: Uint8Array;
  /** 16 bytes: HMAC-SHA256 key of the routing block. */
  readonly macKey: Uint8Array;
  /** 192 bytes; which of them matter depends on the version, see {@link payloadKey}. */
  readonly payloadKeyMaterial: Uint8Array;
  /** 32 bytes, little-endian: takes alpha to the next hop's. */
  readonly blindingFactor: Uint8Array;
  /** 32 bytes that are the same for no two packets. */
  readonly replayTag: Uint8Array;
}

const HOP_KEYS_LENGTH = 288;
const HOP_KEYS_INFO = Buffer.from(
  'Dwste mou enan moxlo arketa makru kai ena upomoxlio gia na ton topothetisw kai tha kinisw thn gh.',
);
const NO_SALT = new Uint8Array(0);

const PAYLOAD_SEED_LENGTH = 16;
const PAYLOAD_KEY_SALT = Buffer.from('sphinx-payload-key-V01-CS01-HKDF:SHA256-SALT');
const PAYLOAD_KEY_INFO = Buffer.from('sphinx-payload-key-V01-CS01-HKDF:SHA256-INFO');

/** Derives all keys of a hop from a 32-byte X25519 secret. */
export function deriveHopKeys(sharedSecret: Uint8Array): HopKeys {
  const keys = hkdf(sharedSecret, NO_SALT, HOP_KEYS_INFO, HOP_KEYS_LENGTH);
  return {
    streamKey: keys.subarray(0, 16),
    macKey: keys.subarray(16, 32),
    payloadKeyMaterial: keys.subarray(32, 224),
    blindingFactor: keys.subarray(224, 256),
    replayTag: keys.subarray(256, 288),
  };
}

/** The 192-byte Lioness key of a hop. */
export function payloadKey(version: SphinxVersion, { payloadKeyMaterial }: HopKeys): Uint8Array {
  if (version < FIRST_SEEDED_VERSION) return payloadKeyMaterial;
  const seed = payloadKeyMaterial.subarray(0, PAYLOAD_SEED_LENGTH);
  return hkdf(seed, PAYLOAD_KEY_SALT, PAYLOAD_KEY_INFO, LIONESS_KEY_LENGTH);
}

function hkdf(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
}
