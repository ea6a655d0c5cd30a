import { OptionError } from '../basics/options-check.js';
import { PROXY_ENVELOPE, STREAM_ENVELOPE, type Envelope } from '../session/envelope.js';

/**
 * What connections travel as between client and server:
 *
 * - `tcp-proxy`: as the Rust SDK's `tcp_proxy` has them; every server understands it.
 * - `stream`: as streams, one for each connection.
 */
export const PROTOCOLS = ['tcp-proxy', 'stream'] as const;

export type Protocol = (typeof PROTOCOLS)[number];

/** What a server takes connections as. */
export const SERVER_PROTOCOLS = [...PROTOCOLS, 'both'] as const;

export type ServerProtocol = (typeof SERVER_PROTOCOLS)[number];

const ENVELOPES: Readonly<Record<Protocol, Envelope>> = {
  'tcp-proxy': PROXY_ENVELOPE,
  // No connection may stay open for ever because a Rust peer has no way to say that it has ended.
  stream: { ...STREAM_ENVELOPE, silenceEnds: true },
};

/**
 * The envelope of a client's sessions.
 *
 * @throws {RangeError} if there is no such protocol.
 */
export function envelopeOf(protocol: Protocol = 'tcp-proxy'): Envelope {
  checkProtocol(protocol, PROTOCOLS);
  return ENVELOPES[protocol];
}

/**
 * The envelopes of the sessions that a server takes.
 *
 * @throws {RangeError} if there is no such protocol.
 */
export function envelopesOf(protocol: ServerProtocol = 'both'): readonly Envelope[] {
  checkProtocol(protocol, SERVER_PROTOCOLS);
  return protocol === 'both' ? Object.values(ENVELOPES) : [ENVELOPES[protocol]];
}

/** The type says so, but a program in JavaScript may still give another. */
function checkProtocol(given: string, known: readonly string[]): void {
  if (!known.includes(given))
    throw new OptionError(`protocol must be one of ${known.join(', ')}, not ${given}`);
}
