import { WireError } from '../wire/errors.js';
import type { ResetCode } from '../wire/reset-code.js';

/** A {@link ResetCode}, or `lost`: this end's own mixnet client is gone, and no other came in its place. */
export type SessionErrorCode = ResetCode | 'lost';

/** A session ended before all its bytes were delivered. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;
  /** Which end gave the session up. */
  readonly by: 'us' | 'peer';

  constructor(code: SessionErrorCode, by: 'us' | 'peer', message?: string, options?: ErrorOptions) {
    super(
      message ??
        `${by === 'peer' ? 'the peer reset the session' : 'the session was reset'}: ${REASONS[code]}`,
      options,
    );
    this.code = code;
    this.by = by;
  }
}

const REASONS: Record<SessionErrorCode, string> = {
  unknown: 'no reason known',
  refused: 'the upstream refused the connection',
  unreachable: 'the upstream cannot be reached',
  'upstream-reset': 'the upstream reset the connection',
  timeout: 'it took too long',
  limit: 'a limit was reached',
  token: 'the access token is missing or wrong',
  protocol: 'the session protocol was violated',
  gone: 'the session is not known (any more)',
  aborted: 'the application gave it up',
  'no-upstream': 'the server has no upstream of this name',
  lost: 'its mixnet client is gone',
};

/** Resets after which nothing that was written is sent any more: the peer is gone or at fault, or memory is short. */
const DROPPING: ReadonlySet<SessionErrorCode> = new Set([
  'limit',
  'protocol',
  'token',
  'timeout',
  'gone',
  'lost',
]);

/** Whether a reset with this code drops what was written before it, in place of sending it first. */
export function dropsWritten(code: SessionErrorCode): boolean {
  return DROPPING.has(code);
}

/** What a session is reset with when the application gives it up for a reason. */
export function abortError(reason: unknown): SessionError {
  if (reason instanceof SessionError && reason.code !== 'lost') {
    return new SessionError(reason.code, 'us', reason.message, { cause: reason.cause });
  }
  return new SessionError('aborted', 'us', undefined, { cause: reason });
}

/** The peer broke the session protocol. */
export function protocolError(message: string): SessionError {
  return new SessionError('protocol', 'us', message);
}

/** What the session is reset with when taking in a message failed; anything but the peer's fault is thrown on. */
export function violation(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  if (error instanceof WireError) return new SessionError('protocol', 'us', error.message, { cause: error });
  throw error;
}
