import type { ConnectionStats } from '../../src/session/connection.js';

/** What a connection tells that has carried nothing and heard nobody. */
export const NO_STATS: ConnectionStats = {
  bytesSent: 0,
  bytesReceived: 0,
  bytesBuffered: 0,
  bytesGranted: 0,
  bytesAcknowledged: 0,
  bytesHandedOver: 0,
  heardAt: undefined,
  unansweredSince: undefined,
  pausedSince: undefined,
  roundTripMs: undefined,
  openingMs: undefined,
};
