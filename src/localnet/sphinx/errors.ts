/**
 * - `bad-length`: shorter than a header and the smallest payload block, or longer than the largest packet.
 * - `bad-alpha`: alpha is a point of low order, so there is no shared secret.
 * - `bad-mac`: the header was changed, or is for another node's key.
 * - `bad-routing`: the MAC is good, but the routing block is not one.
 * - `unknown-version`: the MAC is good, but the version is none of 1, 257..260.
 * - `bad-payload`: the payload was changed on the way, or padded wrongly.
 */
export type SphinxErrorCode =
  'bad-length' | 'bad-alpha' | 'bad-mac' | 'bad-routing' | 'unknown-version' | 'bad-payload';

/** Why a packet cannot be unwrapped. The packet is to blame and to be dropped without an answer. */
export class SphinxError extends Error {
  override readonly name = 'SphinxError';
  readonly code: SphinxErrorCode;

  constructor(code: SphinxErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
