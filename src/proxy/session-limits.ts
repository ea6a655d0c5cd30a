import { knownMembers, MAX_TIMER_MS, wholeNumberOf } from '../basics/options-check.js';

/** What a server lets strangers use of it: whole numbers; a limit of 0 is none. */
export interface SessionLimits {
  /** Sessions at once; 1024. Each has a connection to the upstream. */
  readonly maxSessions: number;
  /** Sessions at once of one sender tag, which is one mixnet client at the other end; 256. */
  readonly maxSessionsPerSender: number;
  /** New sessions per second on average, ten seconds' worth at once; 50. */
  readonly sessionRate: number;
  /** The same for one sender tag; 20. */
  readonly sessionRatePerSender: number;
  /**
   * Bytes held for all sessions together, what the official client may still hold of their replies included; 256 MiB.
   * Beyond it, sessions of the sender tag that holds most are reset.
   */
  readonly maxBufferedBytes: number;
  /** Time within which a session must have carried a byte, in whichever direction, in ms; 120,000. */
  readonly firstByteTimeoutMs: number;
  /** Time without a byte in either direction after which a session is reset, in ms; 14,400,000 (4 h). */
  readonly idleTimeoutMs: number;
  /** Time that the upstream may take to accept a connection, in ms; 15,000. */
  readonly connectTimeoutMs: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  maxSessions: 1024,
  maxSessionsPerSender: 256,
  sessionRate: 50,
  sessionRatePerSender: 20,
  maxBufferedBytes: 256 * 1024 * 1024,
  firstByteTimeoutMs: 120_000,
  idleTimeoutMs: 4 * 3600 * 1000,
  connectTimeoutMs: 15_000,
};

/**
 * The limits that somebody gave, and the defaults of those that were not given.
 *
 * @throws {RangeError} naming the limit that is none.
 */
export function sessionLimits(
  given: { readonly [L in keyof SessionLimits]?: number | undefined } = {},
): SessionLimits {
  knownMembers('limits', given, Object.keys(DEFAULT_SESSION_LIMITS));
  const limit = (name: keyof SessionLimits, max?: number) =>
    wholeNumberOf(`limits.${name}`, given[name] ?? DEFAULT_SESSION_LIMITS[name], {
      ...(max !== undefined && { max }),
    });
  return {
    maxSessions: limit('maxSessions'),
    maxSessionsPerSender: limit('maxSessionsPerSender'),
    sessionRate: limit('sessionRate'),
    sessionRatePerSender: limit('sessionRatePerSender'),
    maxBufferedBytes: limit('maxBufferedBytes'),
    firstByteTimeoutMs: limit('firstByteTimeoutMs'),
    idleTimeoutMs: limit('idleTimeoutMs'),
    connectTimeoutMs: limit('connectTimeoutMs', MAX_TIMER_MS),
  };
}

/** The limits by name, for counting what they have refused or ended. */
export const LIMITS = [
  'sessions',
  'sessions-per-sender',
  'session-rate',
  'session-rate-per-sender',
  'buffered-bytes',
  'first-byte',
  'idle',
  'token',
  'upstream-name',
] as const;

export type LimitName = (typeof LIMITS)[number];
