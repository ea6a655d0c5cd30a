/**
 * What the tabs of a site call the locks and channels that they find each other with. All are of one origin.
 *
 * @module
 */

/** Held by the tab that holds the tunnel of a client id, from before its start on. Others queue for it. */
export const tunnelLock = (clientId: string) => `nym-tcp-proxy tunnel ${clientId}`;

/** Held by one holder of a tunnel, as long as it lives. */
export const holderLock = (holder: string) => `nym-tcp-proxy holder ${holder}`;

/** Held by one guest, as long as it lives. */
export const guestLock = (guest: string) => `nym-tcp-proxy guest ${guest}`;

/** Where guests ask for admission. */
export const lobbyChannel = (clientId: string) => `nym-tcp-proxy lobby ${clientId}`;

/** Between a holder and one guest. */
export const guestChannel = (guest: string) => `nym-tcp-proxy guest ${guest}`;
