/**
 * The Sphinx packet in numbers (sphinx.md sections 1 to 4).
 *
 * | offset | length | field |
 * |---|---|---|
 * | 0 | 32 | alpha: X25519 public key for this hop |
 * | 32 | 16 | gamma: MAC of beta |
 * | 48 | 300 | beta: encrypted routing block, 5 slots of 60 bytes |
 * | 348 | rest | delta: the payload, one Lioness block |
 *
 * @module
 */

/** Lengths in bytes. */
export const ALPHA_LENGTH = 32;
export const GAMMA_LENGTH = 16;
/** One hop's share of the routing block. */
export const SLOT_LENGTH = 60;
export const MAX_HOPS = 5;
export const BETA_LENGTH = MAX_HOPS * SLOT_LENGTH;
export const DESTINATION_LENGTH = 32;
export const SURB_IDENTIFIER_LENGTH = 16;
export const HEADER_LENGTH = ALPHA_LENGTH + GAMMA_LENGTH + BETA_LENGTH;

/** Zero bytes in front of the plaintext, by which the last hop sees that the payload is genuine. */
export const PAYLOAD_ZEROS = 16;
/** What the payload field has on top of the plaintext: the zeros and the 0x01 behind it. */
export const PAYLOAD_OVERHEAD = PAYLOAD_ZEROS + 1;

/** Lioness wants a block of more than 32 bytes, so this is more than header and payload overhead. */
export const MIN_PACKET_LENGTH = HEADER_LENGTH + 33;

/** Length in bytes of the packets that Nym knows (sphinx.md section 1). */
export const PACKET_SIZES = {
  ack: 386,
  regular: 2413,
  extended8: 8557,
  extended16: 16749,
  extended32: 33133,
} as const;

export const MAX_PACKET_LENGTH = PACKET_SIZES.extended32;

/** First byte of a decrypted routing block. */
export const FORWARD_HOP = 1;
export const FINAL_HOP = 2;

/** Versions that a hop understands; in the routing block as the bytes 0, high, low (sphinx.md section 3). */
export const SPHINX_VERSIONS = [1, 257, 258, 259, 260] as const;
export type SphinxVersion = (typeof SPHINX_VERSIONS)[number];

/** Up to 257 the next alpha comes from a scalar that is not clamped; from 258 on it is X25519. */
export const FIRST_CLAMPED_VERSION: SphinxVersion = 258;
/** From here on the payload key is derived from a 16-byte seed. */
export const FIRST_SEEDED_VERSION: SphinxVersion = 259;

export function isSphinxVersion(version: number): version is SphinxVersion {
  return (SPHINX_VERSIONS as readonly number[]).includes(version);
}
