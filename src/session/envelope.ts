import { WireError } from '../wire/errors.js';
import { decodeFrames, encodeFrames, type Frame } from '../wire/frame.js';
import {
  decodeProxiedMessage,
  encodeProxiedMessage,
  PROXIED_MESSAGE_OVERHEAD_BYTES,
} from '../wire/proxied-message.js';
import {
  newSessionId,
  SESSION_PROTOCOL_VERSION,
  sessionProtocolVersion,
  type SessionId,
} from '../wire/session-id.js';
import {
  decodeStreamFrame,
  encodeStreamFrame,
  newStreamId,
  STREAM_HEADER_BYTES,
  STREAM_SEQUENCE_NUMBERS,
} from '../wire/stream-frame.js';
import { OPEN_LEAD_MS, PROBE_STAGES, type AnswerStage } from './limits.js';

/** A message that a Rust peer understands: bytes, or the end of them. */
export interface LegacyMessage {
  readonly sessionId: SessionId;
  readonly messageId: number;
  /**
   * - `open`: the first of an opener, in envelopes that have such a message; it may carry first bytes.
   * - `data`: bytes.
   * - `close`: the end of them, in envelopes that have such a message.
   */
  readonly kind: 'open' | 'data' | 'close';
  readonly body: Uint8Array;
  /** The session protocol's version that an `open` states. */
  readonly version?: number;
}

/** A message that only our own peers understand. */
export interface FramesMessage {
  readonly sessionId: SessionId;
  readonly messageId: number;
  readonly kind: 'frames';
  readonly frames: readonly Frame[];
  /** Why the frames, which are none then, could not be decoded: the session that they belong to is reset. */
  readonly malformed?: WireError;
}

/** One message of a session, whatever it travels in. */
export type SessionMessage = LegacyMessage | FramesMessage;

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
  /** Whether an opener's first legacy message is an `open`, which is not counted. */
  readonly hasOpen: boolean;
  /**
   * Whether legacy mode has an end of the stream. Where it has none, an empty `data` would be taken for it, peers fall
   * silent when they go, and frames do no harm.
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
   * The session protocol's version that the opener of a session speaks; 0 is legacy mode, without frames.
   *
   * @param first the message that opens the session; `undefined` at its opener.
   */
  openersVersion(id: SessionId, first: SessionMessage | undefined): number;

  encode(message: SessionMessage): Uint8Array;

  /** @throws {WireError} if these bytes are no message of this envelope. */
  decode(bytes: Uint8Array): SessionMessage;
}

/** The messages of the TCP proxy: `ProxiedMessage`, a session id that states the version, Close. */
export const PROXY_ENVELOPE: Envelope = {
  overheadBytes: PROXIED_MESSAGE_OVERHEAD_BYTES,
  messageIds: 0x1_0000,
  firstMessage: 0,
  rustOpenersFirst: 1,
  countsFrames: true,
  hasOpen: false,
  hasClose: true,
  silenceEnds: true,
  answerStages: PROBE_STAGES,
  newSessionId,
  openersVersion: sessionProtocolVersion,
  encode: (message) => {
    const { sessionId, messageId, kind } = message;
    if (kind === 'open') throw new WireError('the TCP proxy has no message that opens');
    return encodeProxiedMessage({ sessionId, messageId, kind, body: bodyOf(message) });
  },
  decode: (bytes) => {
    const { kind, body, ...ids } = decodeProxiedMessage(bytes);
    return kind === 'frames' ? { ...ids, kind, ...framesIn(body) } : { ...ids, kind, body };
  },
};

/** The messages of streams: an Open whose reserved byte states the version, Data counted on its own, no Close. */
export const STREAM_ENVELOPE: Envelope = {
  overheadBytes: STREAM_HEADER_BYTES,
  messageIds: STREAM_SEQUENCE_NUMBERS,
  firstMessage: 0,
  rustOpenersFirst: 0,
  countsFrames: false,
  hasOpen: true,
  hasClose: false,
  silenceEnds: false,
  answerStages: [{ untilMs: OPEN_LEAD_MS, bytes: 0 }, ...PROBE_STAGES],
  newSessionId: newStreamId,
  openersVersion: (_, first) => {
    if (first === undefined) return SESSION_PROTOCOL_VERSION;
    if (first.kind !== 'frames') return first.version ?? 0;
    const open = first.frames.find(({ type }) => type === 'open');
    return open?.type === 'open' ? open.version : SESSION_PROTOCOL_VERSION;
  },
  encode: (message) => {
    const { sessionId, messageId, kind } = message;
    if (kind === 'close') throw new WireError('streams have no message that closes');
    return encodeStreamFrame({
      streamId: sessionId,
      type: kind,
      sequence: messageId,
      reserved: (kind === 'open' ? message.version : undefined) ?? 0,
      payload: bodyOf(message),
    });
  },
  decode: (bytes) => {
    const {
      streamId: sessionId,
      type: kind,
      sequence: messageId,
      reserved,
      payload,
    } = decodeStreamFrame(bytes);
    if (kind === 'frames') return { sessionId, messageId, kind, ...framesIn(payload) };
    const message = { sessionId, messageId, kind, body: payload };
    return kind === 'open' ? { ...message, version: reserved } : message;
  },
};

/**
 * Decodes a message of any of these envelopes; `undefined` if it is none of theirs. Anyone may send anything to a Nym
 * address.
 */
export function decodeMessage(
  bytes: Uint8Array,
  envelopes: readonly Envelope[],
): { readonly message: SessionMessage; readonly envelope: Envelope } | undefined {
  for (const envelope of envelopes) {
    try {
      return { message: envelope.decode(bytes), envelope };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  return undefined;
}

function bodyOf(message: SessionMessage): Uint8Array {
  return message.kind === 'frames' ? encodeFrames(message.frames) : message.body;
}

function framesIn(body: Uint8Array): Pick<FramesMessage, 'frames' | 'malformed'> {
  try {
    return { frames: decodeFrames(body) };
  } catch (malformed) {
    if (malformed instanceof WireError) return { frames: [], malformed };
    throw malformed;
  }
}
