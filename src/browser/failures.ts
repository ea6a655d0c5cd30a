/**
 * Results that cross from one worker or tab to another: errors keep their class and code, which a structured clone
 * would drop.
 *
 * @module
 */
import { OptionError } from '../basics/options-check.js';
import { MixnetClientError, type MixnetClientErrorCode } from '../mixnet/errors.js';
import { SessionError, type SessionErrorCode } from '../session/errors.js';
import { WireError } from '../wire/errors.js';

/** An error as it crosses. */
export type Failure =
  | { readonly kind: 'mixnet'; readonly code: MixnetClientErrorCode; readonly message: string }
  | {
      readonly kind: 'session';
      readonly code: SessionErrorCode;
      readonly by: 'us' | 'peer';
      readonly message: string;
    }
  | { readonly kind: 'wire' | 'range' | 'other'; readonly message: string };

/** What a call to another worker or tab gives back. */
export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

/** Does the work and gives back what comes of it. Never rejects. */
export async function replyOf<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, failure: failureOf(error) };
  }
}

/** @throws the error that the other side met. */
export function valueOf<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value;
  throw errorOf(reply.failure);
}

export function failureOf(error: unknown): Failure {
  if (error instanceof MixnetClientError) return { kind: 'mixnet', code: error.code, message: error.message };
  if (error instanceof SessionError) {
    return { kind: 'session', code: error.code, by: error.by, message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof WireError) return { kind: 'wire', message };
  return { kind: error instanceof RangeError ? 'range' : 'other', message };
}

export function errorOf(failure: Failure): Error {
  const { message } = failure;
  switch (failure.kind) {
    case 'mixnet':
      return new MixnetClientError(failure.code, message);
    case 'session':
      return new SessionError(failure.code, failure.by, message);
    case 'wire':
      return new WireError(message);
    case 'range':
      return new OptionError(message);
    case 'other':
      return new Error(message);
  }
}
