/**
 * Why a session was reset: the codes of the RESET frame. A code that is not in this table is read as `unknown`.
 */
export const RESET_CODES = {
  /** The reason has no code here. */
  unknown: 0,
  /** The upstream refused the TCP connection. */
  refused: 1,
  /** The upstream could not be reached or its name not resolved. */
  unreachable: 2,
  /** The upstream reset the TCP connection. */
  'upstream-reset': 3,
  /** Something did not happen in time. */
  timeout: 4,
  /** A limit of the peer was reached. */
  limit: 5,
  /** The access token was missing or wrong. */
  token: 6,
  /** The peer sent what the protocol does not allow. */
  protocol: 7,
  /** The peer does not know this session (any more), or is shutting down. */
  gone: 8,
  /** The application at the peer's end gave the connection up. */
  aborted: 9,
  /** The server has no upstream of the name that was asked for, or none without a name. */
  'no-upstream': 10,
} as const;

export type ResetCode = keyof typeof RESET_CODES;

/** The name of a code from the wire. */
export function resetCodeFromNumber(value: number): ResetCode {
  const entry = Object.entries(RESET_CODES).find(([, number]) => number === value);
  return (entry?.[0] as ResetCode | undefined) ?? 'unknown';
}
