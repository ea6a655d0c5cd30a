import type { OpenRequest } from '../wire/open-request.js';
import type { ResetCode } from '../wire/reset-code.js';
import type { SessionId } from '../wire/session-id.js';

/** A session that somebody wants to open, before anything is kept of it. */
export interface Opening {
  readonly sessionId: SessionId;
  readonly senderTag: string;
  /** What its OPEN asks for; `undefined` in legacy mode, and for openers that ask for nothing. */
  readonly request: OpenRequest | undefined;
  /** Nym address that the opener has sent to. */
  readonly recipient: string;
}

/** Decides who gets in, and which strangers are answered. */
export interface Gate {
  /** Lets a session in (`undefined`) or gives the code to refuse it with; nothing is kept of a refused one. */
  admit(opening: Opening): ResetCode | undefined;
  /** Whether a message of no session here may be answered with a reset; a flood of such must not become ours. */
  mayAnswer(senderTag: string): boolean;
}
