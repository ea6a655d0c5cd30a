import { WireError } from '../wire/errors.js';
import {
  decodeProxiedMessage,
  encodeProxiedMessage,
  PROXIED_MESSAGE_OVERHEAD_BYTES,
} from '../wire/proxied-message.js';
import { newSessionId, sessionProtocolVersion } from '../wire/session-id.js';
import type { Envelope } from './envelope.js';
import { PROBE_STAGES } from './limits.js';

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
  encode: ({ kind, ...message }) => {
    if (kind === 'open') throw new WireError('the TCP proxy has no message that opens');
    return encodeProxiedMessage({ kind, ...message });
  },
  decode: decodeProxiedMessage,
};
