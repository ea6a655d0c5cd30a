import { WireError } from '../wire/errors.js';
import { SESSION_PROTOCOL_VERSION } from '../wire/session-id.js';
import {
  decodeStreamFrame,
  encodeStreamFrame,
  newStreamId,
  STREAM_HEADER_BYTES,
  STREAM_SEQUENCE_NUMBERS,
} from '../wire/stream-frame.js';
import type { Envelope } from './envelope.js';
import { OPEN_LEAD_MS, PROBE_STAGES } from './limits.js';

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
    if (first === undefined || first.kind === 'frames') return SESSION_PROTOCOL_VERSION;
    return first.version ?? 0;
  },
  encode: ({ sessionId, messageId, kind, body, version = 0 }) => {
    if (kind === 'close') throw new WireError('streams have no message that closes');
    return encodeStreamFrame({
      streamId: sessionId,
      type: kind,
      sequence: messageId,
      reserved: version,
      payload: body,
    });
  },
  decode: (bytes) => {
    const { streamId, type, sequence, reserved, payload } = decodeStreamFrame(bytes);
    const message = { sessionId: streamId, messageId: sequence, kind: type, body: payload };
    return type === 'open' ? { ...message, version: reserved } : message;
  },
};
