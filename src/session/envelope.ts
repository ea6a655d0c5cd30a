import type { SessionId } from '../wire/session-id.js';
import type { AnswerStage } from './limits.js';

/**
 * What a message of a session is, whatever it travels in:
 *
 * - `open`: the first of an opener in the Rust way, in envelopes that have such a message; it may carry first bytes.
 * - `data`: bytes in the Rust way.
 * - `close`: the end of them, in envelopes that have such a message.
 * - `frames`: what our own peers say (`frame.ts`).
 */
export type MessageKind = 'open' | 'data' | 'close' | 'frames';

/** One message of a session. */
export interface SessionMessage {
  readonly sessionId: SessionId;
  readonly messageId: number;
  readonly kind: MessageKind;
  readonly body: Uint8Array;
  /** The session protocol's version that an `open` states. */
  readonly version?: number;
}

/**
 * How the messages of a session travel: as those of the TCP proxy or as those of streams. Everything that the engine
 * has to know of the difference is here.
 */
export interface Envelope {
  /** Bytes of a message besides its body. */
  readonly overheadBytes: number;
  /** Message ids count modulo this. */
  readonly messageIds: number;
  /** The id of the first message that is counted. */
  readonly firstMessage: number;
  /** The same from a Rust peer that opens. */
  readonly rustOpenersFirst: number;
  /** Whether `frames` are counted too, or only what a Rust peer puts in order. */
  readonly countsFrames: boolean;
  /** Whether an opener's first message in the Rust way is an `open`, which is not counted. */
  readonly hasOpen: boolean;
  /**
   * Whether the Rust way has an end. Where it has none, an empty `data` would be taken for it, peers fall silent when
   * they go, and frames do no harm.
   */
  readonly hasClose: boolean;
  /**
   * Whether, once this end has sent all, lasting silence of a Rust peer is taken for its end. Where it is not, only the
   * application and the idle timeout end a session with one.
   */
  readonly silenceEnds: boolean;
  /** What an opener may send before it is answered. */
  readonly answerStages: readonly AnswerStage[];

  /** Makes the id of a session whose opener understands frames. */
  newSessionId(): SessionId;

  /**
   * The session protocol's version that the opener of a session speaks; 0 is the Rust way, without frames.
   *
   * @param first the message that opens the session; `undefined` at its opener.
   */
  openersVersion(id: SessionId, first: SessionMessage | undefined): number;

  encode(message: SessionMessage): Uint8Array;

  /** @throws {WireError} if these bytes are no message of this envelope. */
  decode(bytes: Uint8Array): SessionMessage;
}
