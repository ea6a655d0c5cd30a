/**
 * What a gateway counts.
 *
 * @module
 */

/** All counts are since the start, except `connections`, which is how many are open. */
export type GatewayCounters = ReturnType<typeof newCounters>;

/** All zero. */
export function newCounters() {
  return {
    /** Open WebSocket connections. */
    connections: 0,
    registrations: 0,
    authentications: 0,
    /** Connections turned away before authentication. */
    refusals: 0,
    /** Sessions ended because the same client connected anew. */
    replacedSessions: 0,
    /** Packets of clients passed on. */
    packetsForwarded: 0,
    /** Acks found in final hops and passed on. */
    acksReleased: 0,
    messagesDelivered: 0,
    acksDelivered: 0,
    /** Messages put into inboxes. */
    messagesStored: 0,
    /** Stored messages handed to clients that came back. */
    messagesCollected: 0,
    /** Stored messages that had to make room. */
    inboxDropped: 0,
    /** Acks for clients that are not connected. */
    acksDropped: 0,
    /** What a client did not take fast enough. */
    slowClientDropped: 0,
    /** Frames of clients that are not authentic, or not understood. */
    badFrames: 0,
    /** Packets of clients with a wrong length, type or next hop. */
    badPackets: 0,
    /** Final hops whose payload holds no ack and message. */
    badFinalHops: 0,
    /** Packets refused because the client's bandwidth was used up, or had ended with the day. */
    outOfBandwidth: 0,
    /** Claims of free bandwidth that the gateway does not give. */
    claimsRefused: 0,
    /** Packets the network behind the gateway did not take. */
    forwardFailures: 0,
    /** Messages and packets dropped by a fault of the gateway itself, which should not happen. */
    internalErrors: 0,
    /** Writes of the state file that failed. */
    saveFailures: 0,
  };
}
