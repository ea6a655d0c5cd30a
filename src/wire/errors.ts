/** Bytes that are not what the wire format says; the message names the field and what was found. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code = 'wire';
}
