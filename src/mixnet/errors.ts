/**
 * What went wrong with a mixnet client, and whose fault it was:
 *
 * - `network`: the directory or env file cannot be used.
 * - `gateway`: the gateway refused or left.
 * - `identity`: the stored identity cannot be used.
 * - `state`: the client was not ready.
 * - `address`: the recipient is not a Nym address.
 * - `crashed`: the official client died.
 */
export type MixnetClientErrorCode = 'network' | 'gateway' | 'identity' | 'state' | 'address' | 'crashed';

/** A mixnet client could not start or could not do what was asked; the message says what to do about it. */
export class MixnetClientError extends Error {
  override readonly name = 'MixnetClientError';
  readonly code: MixnetClientErrorCode;

  constructor(code: MixnetClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
